//! The columns of each export. Names stay as they are once published; columns may be added at the end of a group.
//!
//! Codes are for joining, names beside them for reading; names are those of today's reference data.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use huying_platform::{
    codes::{RegionCode, Tier},
    directory::Directory,
};
use huying_proto::events::v1::UnitKind;

use super::{
    Scope,
    sheet::{Column, Value, column},
};
use crate::{
    domain::{
        account::{Account, AddresseeKind},
        counts::{Counts, DutyCounts, Rate},
        words,
    },
    use_cases::{
        export_cases::ExportedCase,
        export_texts::ExportedText,
        figures::{NamedCounts, NamedRepresentative, UnitCounts, UnitFlow, tier_of_unit},
    },
};

/// Everything of an account, with its title where public.
pub(super) fn cases(directory: &Arc<Directory>) -> Vec<Column<ExportedCase>> {
    let code = |name, read: fn(&Account) -> &str| {
        column(name, move |case: &ExportedCase| Value::text(read(&case.account)))
    };
    let named = |name, read: fn(&Account) -> &str, name_of: fn(&Directory, &str) -> Option<String>| {
        let directory = Arc::clone(directory);
        column(name, move |case: &ExportedCase| {
            name_of(&directory, read(&case.account)).map_or(Value::Nothing, Value::owned)
        })
    };
    let account = |name, read: for<'a> fn(&'a Account) -> Value<'a>| {
        column(name, move |case: &ExportedCase| read(&case.account))
    };
    let addressee = {
        let directory = Arc::clone(directory);
        column("addressee_name", move |case: &ExportedCase| {
            addressee_name(&directory, &case.account).map_or(Value::Nothing, Value::owned)
        })
    };
    vec![
        account("case_id", |account| Value::owned(account.case_id.to_string())),
        account("case_version", |account| Value::Number(account.version)),
        account("submitted_at", |account| Value::Time(account.submitted_at)),
        account("updated_at", |account| Value::Time(account.updated_at)),
        account("kind", |account| Value::text_or_nothing(words::kind_word(account.kind))),
        account("state", |account| Value::text_or_nothing(words::state_word(account.state))),
        account("publication", |account| {
            Value::text_or_nothing(words::publication_word(account.publication))
        }),
        column("title", |case: &ExportedCase| Value::text_or_nothing(case.title.as_deref())),
        code("category", |account| &account.category),
        code("municipal", municipal),
        named("municipal_name", municipal, region_name),
        code("district", district),
        named("district_name", district, region_name),
        code("township", township),
        named("township_name", township, region_name),
        account("addressee_kind", |account| {
            Value::text_or_nothing(account.addressee.as_ref().map(|addressee| addressee.kind.word()))
        }),
        account("addressee", |account| {
            Value::text_or_nothing(account.addressee.as_ref().map(|addressee| addressee.code.as_str()))
        }),
        addressee,
        code("holder_office", |account| &account.holder_office),
        named("holder_office_name", |account| &account.holder_office, unit_name),
        code("responsible_unit", |account| &account.responsible_unit),
        named("responsible_unit_name", |account| &account.responsible_unit, unit_name),
        account("deadline_at", |account| Value::time(account.deadline_at)),
        account("case_deadline_at", |account| Value::time(account.case_deadline_at)),
        account("overdue", |account| Value::Flag(account.overdue)),
        account("registered", |account| Value::Flag(account.registered)),
        account("open_parts", |account| Value::number(account.open_parts)),
        account("petitioner_count", |account| Value::number(account.petitioner_count)),
        account("merged_into", |account| {
            account.merged_into.map_or(Value::Nothing, |into| Value::owned(into.to_string()))
        }),
        account("first_replied_at", |account| Value::time(account.first_reply.map(|reply| reply.at))),
        account("replied_in_time", |account| Value::flag(account.first_reply.map(|reply| reply.in_time))),
        code("replied_unit", |account| &account.replied_unit),
        named("replied_unit_name", |account| &account.replied_unit, unit_name),
        code("replied_holder", |account| &account.replied_holder),
        named("replied_holder_name", |account| &account.replied_holder, unit_name),
        account("resolved", |account| Value::flag(account.rating.map(|rating| rating.resolved))),
        account("satisfied", |account| Value::flag(account.rating.map(|rating| rating.satisfied))),
        account("returned", |account| Value::number(account.returned)),
        account("extensions_granted", |account| Value::number(account.extensions_granted)),
        account("supervised", |account| Value::number(account.supervised)),
        account("criticised", |account| Value::number(account.criticised)),
        account("closed_at", |account| Value::time(account.closed_at)),
        account("erased_before_version", |account| match account.erased_before {
            0 => Value::Nothing,
            version => Value::Number(version),
        }),
    ]
}

/// A public text, and where the commitment to it is.
pub(super) fn texts() -> Vec<Column<ExportedText>> {
    vec![
        column("case_id", |text: &ExportedText| Value::owned(text.case_id.to_string())),
        column("case_version", |text: &ExportedText| Value::Number(text.text.case_version)),
        column("name", |text: &ExportedText| Value::text(&text.text.name)),
        // Not `Value::text`: a text that is empty is one, and its commitment is to it.
        column("text", |text: &ExportedText| Value::Text(text.text.text.as_str().into())),
        column("salt", |text: &ExportedText| Value::owned(HEXLOWER.encode(&text.text.salt))),
    ]
}

/// The figures of a unit.
pub(super) fn units(directory: &Arc<Directory>, scope: Scope) -> Vec<Column<UnitCounts>> {
    let (kinds, regions) = (Arc::clone(directory), Arc::clone(directory));
    let mut columns = vec![
        column("unit", |unit: &UnitCounts| Value::text(&unit.code)),
        column("name", |unit: &UnitCounts| Value::text(&unit.name)),
        column("kind", move |unit: &UnitCounts| {
            Value::text_or_nothing(kinds.unit(&unit.code).and_then(|unit| unit_kind(unit.kind())))
        }),
        column("region", |unit: &UnitCounts| Value::text(&unit.region)),
        column("region_name", move |unit: &UnitCounts| {
            region_name(&regions, &unit.region).map_or(Value::Nothing, Value::owned)
        }),
    ];
    columns.extend(counts(|unit: &UnitCounts| &unit.counts));
    let number = |name, read: fn(&Counts) -> u64| {
        column(name, move |unit: &UnitCounts| Value::Number(read(&unit.counts)))
    };
    columns.extend([
        number("answered_along", |counts| counts.answered_along),
        number("expired", |counts| counts.expired),
        number("parts", |counts| counts.parts),
        number("parts_answered", |counts| counts.parts_answered),
        number("transferred", |counts| counts.transferred),
        number("extensions_requested", |counts| counts.extensions_requested),
        number("urged", |counts| counts.urged),
    ]);
    columns.extend(scope_columns(scope));
    columns
}

/// How often cases went from one unit to another in one month.
pub(super) fn flows(directory: &Arc<Directory>, tree_size: u64) -> Vec<Column<UnitFlow>> {
    let named = |name, read: fn(&UnitFlow) -> &str| {
        let directory = Arc::clone(directory);
        column(name, move |flow: &UnitFlow| {
            unit_name(&directory, read(flow)).map_or(Value::Nothing, Value::owned)
        })
    };
    let tier = |name, read: fn(&UnitFlow) -> &str| {
        let directory = Arc::clone(directory);
        column(name, move |flow: &UnitFlow| {
            Value::text_or_nothing(tier_of_unit(&directory, read(flow)).map(Tier::as_str))
        })
    };
    vec![
        column("month", |flow: &UnitFlow| Value::owned(flow.month.to_string())),
        column("kind", |flow: &UnitFlow| Value::text(flow.kind.word())),
        column("from_unit", |flow: &UnitFlow| Value::text(&flow.from_unit)),
        named("from_unit_name", |flow| &flow.from_unit),
        tier("from_tier", |flow| &flow.from_unit),
        column("to_unit", |flow: &UnitFlow| Value::text(&flow.to_unit)),
        named("to_unit_name", |flow| &flow.to_unit),
        tier("to_tier", |flow| &flow.to_unit),
        column("times", |flow: &UnitFlow| Value::Number(flow.times)),
        column("tree_size", move |_: &UnitFlow| Value::Number(tree_size)),
    ]
}

/// The figures of a region with its subtree.
pub(super) fn regions(scope: Scope) -> Vec<Column<NamedCounts>> {
    let mut columns = vec![
        column("region", |region: &NamedCounts| Value::text(&region.code)),
        column("name", |region: &NamedCounts| Value::text(&region.name)),
        column("tier", |region: &NamedCounts| Value::text_or_nothing(tier(&region.code))),
    ];
    columns.extend(counts(|region: &NamedCounts| &region.counts));
    columns.extend(scope_columns(scope));
    columns
}

/// What a representative has done.
pub(super) fn representatives(directory: &Arc<Directory>, scope: Scope) -> Vec<Column<NamedRepresentative>> {
    let number = |name, read: fn(&DutyCounts) -> u64| {
        column(name, move |one: &NamedRepresentative| Value::Number(read(&one.counts)))
    };
    let directory = Arc::clone(directory);
    let mut columns = vec![
        column("representative", |one: &NamedRepresentative| Value::text(&one.code)),
        column("designation", |one: &NamedRepresentative| Value::text(&one.designation)),
        column("region", |one: &NamedRepresentative| Value::text(&one.region)),
        column("region_name", move |one: &NamedRepresentative| {
            region_name(&directory, &one.region).map_or(Value::Nothing, Value::owned)
        }),
        number("received", |counts| counts.received),
        number("claimed", |counts| counts.claimed),
        number("taken_on", |counts| counts.taken_on),
        number("answered", |counts| counts.answered),
        number("replied", |counts| counts.replied),
        number("urged", |counts| counts.urged),
        number("progress_reported", |counts| counts.progress_reported),
        number("rated", |counts| counts.rated),
        number("resolved", |counts| counts.resolved),
        number("satisfied", |counts| counts.satisfied),
        column("median_answer_seconds", |one: &NamedRepresentative| {
            one.counts.median_answer_seconds.map_or(Value::Nothing, Value::Number)
        }),
        column("last_act_at", |one: &NamedRepresentative| Value::time(one.counts.last_act_at)),
        column("answer_rate_percent", |one: &NamedRepresentative| percent(one.counts.answer_rate())),
    ];
    columns.extend(scope_columns(scope));
    columns
}

/// What is counted of cases, and the rates that follow.
fn counts<T: 'static>(of: fn(&T) -> &Counts) -> Vec<Column<T>> {
    let number = |name, read: fn(&Counts) -> u64| column(name, move |row: &T| Value::Number(read(of(row))));
    let rate = |name, read: fn(&Counts) -> Rate| column(name, move |row: &T| percent(read(of(row))));
    vec![
        number("received", |counts| counts.received),
        number("replied", |counts| counts.replied),
        number("replied_in_time", |counts| counts.replied_in_time),
        number("rated", |counts| counts.rated),
        number("resolved", |counts| counts.resolved),
        number("satisfied", |counts| counts.satisfied),
        number("silent", Counts::silent),
        number("awaiting_rating", |counts| counts.awaiting_rating),
        number("open", |counts| counts.open),
        number("overdue", |counts| counts.overdue),
        number("declined", |counts| counts.declined),
        number("withdrawn", |counts| counts.withdrawn),
        number("returned", |counts| counts.returned),
        number("extensions_granted", |counts| counts.extensions_granted),
        number("supervised", |counts| counts.supervised),
        number("criticised", |counts| counts.criticised),
        column("median_reply_seconds", move |row: &T| {
            of(row).median_reply_seconds.map_or(Value::Nothing, Value::Number)
        }),
        rate("response_rate_percent", Counts::response_rate),
        rate("timeliness_rate_percent", Counts::timeliness_rate),
        rate("resolution_rate_percent", Counts::resolution_rate),
        rate("satisfaction_rate_percent", Counts::satisfaction_rate),
    ]
}

/// What all rows of a file have in common.
fn scope_columns<T>(scope: Scope) -> [Column<T>; 2] {
    [
        column("month", move |_: &T| {
            scope.month.map_or(Value::Nothing, |month| Value::owned(month.to_string()))
        }),
        column("tree_size", move |_: &T| Value::Number(scope.tree_size)),
    ]
}

fn percent(rate: Rate) -> Value<'static> {
    rate.tenths().map_or(Value::Nothing, Value::Tenths)
}

fn municipal(account: &Account) -> &str {
    account.region.municipal.as_str()
}

fn district(account: &Account) -> &str {
    account.region.district.as_ref().map_or("", RegionCode::as_str)
}

fn township(account: &Account) -> &str {
    account.region.township.as_ref().map_or("", RegionCode::as_str)
}

fn region_name(directory: &Directory, code: &str) -> Option<String> {
    directory.region(code).map(|region| region.name.clone())
}

fn unit_name(directory: &Directory, code: &str) -> Option<String> {
    directory.unit(code).map(|unit| unit.name.clone())
}

fn addressee_name(directory: &Directory, account: &Account) -> Option<String> {
    let addressee = account.addressee.as_ref()?;
    match addressee.kind {
        AddresseeKind::Representative => {
            directory.representative(&addressee.code).map(|one| one.designation.clone())
        }
        AddresseeKind::Station => directory.station(&addressee.code).map(|station| station.name.clone()),
        AddresseeKind::Region => region_name(directory, &addressee.code),
    }
}

fn unit_kind(kind: UnitKind) -> Option<&'static str> {
    match kind {
        UnitKind::Office => Some("office"),
        UnitKind::Department => Some("department"),
        UnitKind::Unspecified => None,
    }
}

fn tier(region: &str) -> Option<&'static str> {
    region.parse().ok().map(|code: RegionCode| code.tier().as_str())
}
