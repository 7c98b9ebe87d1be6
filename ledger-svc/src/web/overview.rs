//! The municipality at a glance.

use axum::{extract::State, http::HeaderMap, response::Response};
use huying_platform::{codes::Tier, directory::Directory};
use huying_proto::events::v1::CaseState;
use maud::{Markup, html};

use super::{
    PageError, Shared,
    asked::address,
    charts::{self, Between},
    drawn,
    glance::{self, OWN},
    layout::{self, Section},
    names,
    rates::{self, MonthLinks, Of, english},
    search_form::search_field,
};
use crate::{
    domain::{case_filter::CaseFilter, counts::Counts, facts::HopKind},
    store::cases::Standing,
    use_cases::{
        figures::{Flow, NamedCounts, Overview},
        latest_checkpoint::tree_size,
        list_cases::list_cases,
    },
};

/// For a place without cases.
pub(super) const NOTHING_YET: &str = "还没有事项。第一件事项提交后，几秒之内就会出现在这里。";

const TIERS: [Tier; 3] = [Tier::Municipal, Tier::District, Tier::Township];

pub(super) async fn page(State(pages): Shared, headers: HeaderMap) -> Result<Response, PageError> {
    let directory = pages.directory.load();
    let tree_size = tree_size(&pages.db).await?;
    let overview = pages.figures.overview(&directory).await?;
    let standings = pages.counts.counts(tree_size).await?;
    // The figures may be a moment older than the latest cases, so the page is the same only when all of them are.
    let everywhere = CaseFilter::default();
    let latest = list_cases(&pages.db, &everywhere, None, glance::LATEST_CASES).await?;
    let place = match directory.children_of("") {
        [only] => names::region(&directory, only),
        _ => "",
    };
    let content = html! {
        section.opening {
            h1 { (place) "群众反映事项办理情况 " span.en lang="en" { "How the people's matters are handled" } }
            (lede(&overview))
            (search_field())
        }
        (glance::figures(&overview.total, &everywhere))
        div.pair {
            div {
                (overdue(&overview.districts, &overview.own))
                (flows(&overview.flows, &standings.standings, &directory))
            }
            (glance::categories(&overview.categories, &everywhere, ("最近十二个月", "Latest twelve months")))
        }
        section aria-labelledby="months" {
            h2 #months { "按月 " span.en lang="en" { "By month" } }
            (rates::months(&overview.months, Of::Region, MonthLinks::Cases(None)))
        }
        (glance::regions(&overview.districts, &overview.own, &overview.total))
        (glance::latest(("最新事项", "Latest cases"), NOTHING_YET, &latest.cases, &everywhere, &directory))
        p.others {
            "全部数据："
            a href="/regions.csv" { "各地区 CSV" }
            a href="/regions.jsonl" { "各地区 JSON Lines" }
            a href="/flows.csv" { "层级流转 CSV" }
            a href="/flows.jsonl" { "层级流转 JSON Lines" }
            a href="/texts.jsonl" { "全部公开文字 JSON Lines" }
        }
    };
    let title = format!("{place}群众反映事项办理情况");
    let feed = glance::feed(&everywhere);
    let page = layout::page_with_feed(&title, Section::Overview, Some(tree_size), Some(&feed), &content);
    Ok(drawn(page, &headers))
}

fn lede(overview: &Overview) -> Markup {
    let total = &overview.total;
    html! {
        p.lede {
            @if total.received == 0 {
                "账本里还没有事项。群众向人大代表和人大机构反映的每一件事，从提交到办结，都会公开在这里。"
                (english("No cases yet. Every one will be public here, from its first word to its closing."))
            } @else {
                "账本里共有 " strong { (total.received) } " 件事项，" strong { (total.replied) } " 件已经答复，"
                strong { (total.overdue) } " 件现在逾期。各项数字都由只增不改的公开账本算出，任何人都可以重新计算。"
                (english("Every figure is counted from an append-only public log, and anybody can count it again."))
            }
        }
    }
}

/// What is overdue now, by district, most first; last what lies in none of them.
fn overdue(districts: &[NamedCounts], own: &Counts) -> Markup {
    let mut late: Vec<&NamedCounts> = districts.iter().filter(|one| one.counts.overdue > 0).collect();
    late.sort_by(|one, other| other.counts.overdue.cmp(&one.counts.overdue).then(one.code.cmp(&other.code)));
    let most = late.first().map_or(0, |one| one.counts.overdue).max(own.overdue);
    let on_time = districts.len() - late.len();
    html! {
        section aria-labelledby="overdue" {
            h2 #overdue { "现在逾期 " span.en lang="en" { "Overdue now" } }
            @if most == 0 {
                p { "目前各地区均无逾期事项。" (english("Nothing is overdue anywhere.")) }
            } @else {
                table.ranked {
                    caption { "期限已过、尚未办结的事项，按地区 " span.en lang="en" { "Past their time, by region" } }
                    thead.unseen { tr { th scope="col" { "地区" } th scope="col" { "比例" } th scope="col" { "件数" } } }
                    tbody {
                        @for one in &late {
                            @let there = CaseFilter {
                                region: one.code.parse().ok(),
                                overdue_only: true,
                                ..CaseFilter::default()
                            };
                            tr {
                                th scope="row" { a href=(address("/cases", &there, None)) { (one.name) } }
                                td { (charts::bar(one.counts.overdue, most)) }
                                td.number { (one.counts.overdue) }
                            }
                        }
                        @if own.overdue > 0 {
                            tr {
                                th scope="row" { (names::both(OWN)) }
                                td { (charts::bar(own.overdue, most)) }
                                td.number { (own.overdue) }
                            }
                        }
                    }
                }
                @if on_time > 0 { p.fine { "其余 " (on_time) " 个地区没有逾期的事项。" } }
            }
        }
    }
}

/// How cases go between the tiers. A municipality without districts has two of them.
fn flows(flows: &[Flow], standings: &[Standing], directory: &Directory) -> Markup {
    let tiers: Vec<Tier> = TIERS
        .into_iter()
        .filter(|tier| match tier {
            Tier::Municipal | Tier::Township => true,
            Tier::District => has_districts(flows, directory),
        })
        .collect();
    let times = |kind: HopKind, from: Tier, to: Tier| -> u64 {
        let alike =
            flows.iter().filter(|flow| flow.kind == kind && flow.from == Some(from) && flow.to == Some(to));
        alike.map(|flow| flow.times).sum()
    };
    let between = |upper: Tier, lower: Tier| Between {
        down: times(HopKind::Delegated, upper, lower),
        up: times(HopKind::Escalated, lower, upper),
    };
    let steps: Vec<Between> = tiers.windows(2).map(|pair| between(pair[0], pair[1])).collect();
    // Some townships are directly below a municipality that has districts besides.
    let across = Some(between(Tier::Municipal, Tier::Township))
        .filter(|across| tiers.len() == TIERS.len() && across.down + across.up > 0);
    let of_kind =
        |kind: HopKind| -> u64 { flows.iter().filter(|flow| flow.kind == kind).map(|flow| flow.times).sum() };
    let names: Vec<String> = tiers
        .iter()
        .map(|tier| {
            format!("{} · 现有 {} 件未结", names::tier(*tier).0, open_at(*tier, standings, directory))
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let pairs = tiers.windows(2).map(|pair| (pair[0], pair[1])).zip(&steps);
    html! {
        section aria-labelledby="flows" {
            h2 #flows { "层级之间 " span.en lang="en" { "Between the tiers" } }
            div.panel {
                (charts::levels(
                    "事项在各级之间的流转：向下是下派，向上是上报，箭头越粗件次越多。数字列在下面",
                    &names,
                    &steps,
                    across,
                ))
            }
            ul.plain {
                @for ((upper, lower), between) in pairs { (flow_line(upper, lower, *between)) }
                @if let Some(across) = across { (flow_line(Tier::Municipal, Tier::Township, across)) }
                li {
                    "同级之间改派 " b { (of_kind(HopKind::Transferred)) } " 件次，承办单位退回 "
                    b { (of_kind(HopKind::Returned)) } " 件次"
                    (english("Transferred within a tier; returned by departments"))
                }
            }
        }
    }
}

fn flow_line(upper: Tier, lower: Tier, between: Between) -> Markup {
    let (upper, lower) = (names::tier(upper), names::tier(lower));
    html! {
        li {
            (upper.0) "下派到" (lower.0) " " b { (between.down) } " 件次，" (lower.0) "上报到" (upper.0) " "
            b { (between.up) } " 件次"
            (english(&format!("{} to {}, and back up", upper.1, lower.1)))
        }
    }
}

/// Does the municipality have districts, or did cases ever go to or come from one?
fn has_districts(flows: &[Flow], directory: &Directory) -> bool {
    let is_district = |code: &String| names::tier_of_region(code) == Some(Tier::District);
    let municipalities = directory.children_of("");
    // Nothing is known of a municipality before its reference data are imported.
    municipalities.is_empty()
        || municipalities.iter().flat_map(|code| directory.children_of(code)).any(is_district)
        || flows.iter().any(|flow| [flow.from, flow.to].contains(&Some(Tier::District)))
}

/// How many cases that are not at their end the offices of a tier hold now. Those that nobody holds yet are with the
/// tier of their place.
fn open_at(tier: Tier, standings: &[Standing], directory: &Directory) -> u64 {
    let open = standings.iter().filter(|standing| match standing.state {
        CaseState::Submitted
        | CaseState::Registered
        | CaseState::Assigned
        | CaseState::InHandling
        | CaseState::Replied => true,
        CaseState::Unspecified
        | CaseState::Closed
        | CaseState::Declined
        | CaseState::Withdrawn
        | CaseState::Merged => false,
    });
    let here = open.filter(|standing| {
        let own = match standing.holder_office.as_str() {
            "" => names::tier_of_region(&standing.region),
            office => names::tier_of_unit(directory, office),
        };
        own == Some(tier)
    });
    here.map(|standing| standing.cases).sum()
}
