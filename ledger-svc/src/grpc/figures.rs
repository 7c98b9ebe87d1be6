//! Figures over gRPC. No token is needed; nothing here can change anything.

use std::sync::Arc;

use huying_platform::{
    Platform,
    codes::{RegionCode, RepresentativeCode, Tier, UnitCode},
    directory::DirectoryHandle,
    status::{self, timestamp_to_proto},
};
use huying_proto::{
    events::v1 as events,
    ledger::v1::{
        CategoryCount, Counts, Flow, FlowKind, GetOverviewRequest, GetOverviewResponse,
        GetRegionFiguresRequest, GetRegionFiguresResponse, GetRepresentativeArchiveRequest,
        GetRepresentativeArchiveResponse, GetUnitHistoryRequest, GetUnitHistoryResponse, MonthCounts,
        MonthFlows, NamedCounts, figures_service_server::FiguresService,
    },
};
use tonic::{Code, Request, Response, Status};

use super::{refusal, violation};
use crate::{
    domain::{counts, facts::HopKind},
    use_cases::figures::{self, CountFigures},
};

/// Answers those who count. Whoever ever had to do with a case has figures, in the reference data or not.
#[derive(Debug)]
pub struct FiguresApi {
    figures: Arc<CountFigures>,
    directory: DirectoryHandle,
}

impl FiguresApi {
    /// Shares what is counted with the pages.
    pub fn new(platform: &Platform, figures: Arc<CountFigures>) -> Self {
        Self { figures, directory: platform.directory.clone() }
    }
}

#[tonic::async_trait]
impl FiguresService for FiguresApi {
    async fn get_unit_history(
        &self,
        request: Request<GetUnitHistoryRequest>,
    ) -> Result<Response<GetUnitHistoryResponse>, Status> {
        let unit: UnitCode = request.get_ref().unit.parse().map_err(|error| violation("unit", &error))?;
        let directory = self.directory.load();
        let history =
            self.figures.unit_history_of_one_tree(&directory, unit.as_str()).await.map_err(refusal)?;
        if directory.unit(unit.as_str()).is_none() && history.total == counts::Counts::default() {
            return Err(unknown("UNIT_UNKNOWN", format!("there is no unit {unit}")));
        }
        Ok(Response::new(GetUnitHistoryResponse {
            total: Some(to_proto(&history.total)),
            months: history.months.iter().map(month).collect(),
            peers: history.peers.into_iter().map(named).collect(),
            tree_size: history.tree_size,
            alike: history.alike.into_iter().map(named).collect(),
        }))
    }

    async fn get_region_figures(
        &self,
        request: Request<GetRegionFiguresRequest>,
    ) -> Result<Response<GetRegionFiguresResponse>, Status> {
        let region: RegionCode =
            request.get_ref().region_code.parse().map_err(|error| violation("region_code", &error))?;
        let directory = self.directory.load();
        let figures = self.figures.region_figures(&directory, &region).await.map_err(refusal)?;
        if directory.region(region.as_str()).is_none() && figures.total.received == 0 {
            return Err(unknown("REGION_UNKNOWN", format!("there is no region {region}")));
        }
        Ok(Response::new(GetRegionFiguresResponse {
            total: Some(to_proto(&figures.total)),
            months: figures.months.iter().map(month).collect(),
            regions: figures.regions.into_iter().map(named).collect(),
            categories: figures.categories.into_iter().map(category).collect(),
            tree_size: figures.tree_size,
            own: Some(to_proto(&figures.own)),
            peers: figures.peers.into_iter().map(named).collect(),
        }))
    }

    async fn get_representative_archive(
        &self,
        request: Request<GetRepresentativeArchiveRequest>,
    ) -> Result<Response<GetRepresentativeArchiveResponse>, Status> {
        let code: RepresentativeCode =
            request.get_ref().representative.parse().map_err(|error| violation("representative", &error))?;
        let code = code.as_str();
        let archive = self.figures.representative_archive(code).await.map_err(refusal)?;
        let total = archive.total;
        let directory = self.directory.load();
        let designation = match directory.representative(code) {
            Some(representative) => representative.designation.clone(),
            // Not any more, or not yet: the ledger knows what they did all the same.
            None if total != counts::DutyCounts::default() => code.to_owned(),
            None => {
                let message = format!("there is no representative {code}");
                return Err(unknown("REPRESENTATIVE_UNKNOWN", message));
            }
        };
        Ok(Response::new(GetRepresentativeArchiveResponse {
            designation,
            received: total.received,
            claimed: total.claimed,
            answered: total.answered,
            replied: total.replied,
            urged: total.urged,
            progress_reported: total.progress_reported,
            rated: total.rated,
            resolved: total.resolved,
            satisfied: total.satisfied,
            median_answer_seconds: total.median_answer_seconds.unwrap_or(0),
            last_act_at: total.last_act_at.map(timestamp_to_proto),
            tree_size: archive.tree_size,
            taken_on: total.taken_on,
        }))
    }

    async fn get_overview(
        &self,
        _: Request<GetOverviewRequest>,
    ) -> Result<Response<GetOverviewResponse>, Status> {
        let overview = self.figures.overview(&self.directory.load()).await.map_err(refusal)?;
        Ok(Response::new(GetOverviewResponse {
            total: Some(to_proto(&overview.total)),
            months: overview.months.iter().map(month).collect(),
            regions: overview.districts.into_iter().map(named).collect(),
            own: Some(to_proto(&overview.own)),
            flows: overview.flows.iter().map(flow).collect(),
            flow_months: overview.flow_months.iter().map(month_flows).collect(),
            categories: overview.categories.into_iter().map(category).collect(),
            tree_size: overview.tree_size,
        }))
    }
}

fn unknown(reason: &str, message: String) -> Status {
    status::refused(Code::NotFound, reason, message, &[])
}

fn to_proto(counts: &counts::Counts) -> Counts {
    Counts {
        received: counts.received,
        replied: counts.replied,
        replied_in_time: counts.replied_in_time,
        rated: counts.rated,
        resolved: counts.resolved,
        satisfied: counts.satisfied,
        silent: counts.silent(),
        open: counts.open,
        overdue: counts.overdue,
        returned: counts.returned,
        extensions_granted: counts.extensions_granted,
        supervised: counts.supervised,
        criticised: counts.criticised,
        median_reply_seconds: counts.median_reply_seconds.unwrap_or(0),
        answered_along: counts.answered_along,
        awaiting_rating: counts.awaiting_rating,
        declined: counts.declined,
        withdrawn: counts.withdrawn,
        expired: counts.expired,
        parts: counts.parts,
        parts_answered: counts.parts_answered,
        transferred: counts.transferred,
        extensions_requested: counts.extensions_requested,
        urged: counts.urged,
    }
}

fn month(month: &figures::MonthCounts) -> MonthCounts {
    MonthCounts { month: month.month.to_string(), counts: Some(to_proto(&month.counts)) }
}

fn named(named: figures::NamedCounts) -> NamedCounts {
    NamedCounts { code: named.code, name: named.name, counts: Some(to_proto(&named.counts)) }
}

fn category(count: figures::CategoryCount) -> CategoryCount {
    CategoryCount { category: count.category, cases: count.cases }
}

fn month_flows(month: &figures::MonthFlows) -> MonthFlows {
    MonthFlows { month: month.month.to_string(), flows: month.flows.iter().map(flow).collect() }
}

fn flow(flow: &figures::Flow) -> Flow {
    let kind = match flow.kind {
        HopKind::Delegated => FlowKind::Delegated,
        HopKind::Escalated => FlowKind::Escalated,
        HopKind::Transferred => FlowKind::Transferred,
        HopKind::Returned => FlowKind::Returned,
    };
    Flow {
        kind: kind.into(),
        from_tier: tier(flow.from).into(),
        to_tier: tier(flow.to).into(),
        times: flow.times,
    }
}

fn tier(tier: Option<Tier>) -> events::Tier {
    match tier {
        Some(Tier::Municipal) => events::Tier::Municipal,
        Some(Tier::District) => events::Tier::District,
        Some(Tier::Township) => events::Tier::Township,
        None => events::Tier::Unspecified,
    }
}
