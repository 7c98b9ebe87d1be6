//! Figures over gRPC. No token is needed; nothing here can change anything.

use std::sync::Arc;

use huying_platform::{
    Platform,
    codes::RegionCode,
    directory::DirectoryHandle,
    status::{self, timestamp_to_proto},
};
use huying_proto::ledger::v1::{
    CategoryCount, Counts, GetRegionFiguresRequest, GetRegionFiguresResponse,
    GetRepresentativeArchiveRequest, GetRepresentativeArchiveResponse, GetUnitHistoryRequest,
    GetUnitHistoryResponse, MonthCounts, NamedCounts, figures_service_server::FiguresService,
};
use tonic::{Code, Request, Response, Status};

use super::{refusal, violation};
use crate::{
    domain::counts,
    use_cases::figures::{self, CountFigures},
};

/// Answers those who count.
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
        let unit = request.into_inner().unit;
        let directory = self.directory.load();
        if directory.unit(&unit).is_none() {
            return Err(unknown("UNIT_UNKNOWN", format!("there is no unit {unit:?}")));
        }
        let history = self.figures.unit_history_of_one_tree(&directory, &unit).await.map_err(refusal)?;
        Ok(Response::new(GetUnitHistoryResponse {
            total: Some(to_proto(&history.total)),
            months: history.months.iter().map(month).collect(),
            peers: history.peers.into_iter().map(named).collect(),
            tree_size: history.tree_size,
        }))
    }

    async fn get_region_figures(
        &self,
        request: Request<GetRegionFiguresRequest>,
    ) -> Result<Response<GetRegionFiguresResponse>, Status> {
        let region: RegionCode =
            request.get_ref().region_code.parse().map_err(|error| violation("region_code", &error))?;
        let directory = self.directory.load();
        if directory.region(region.as_str()).is_none() {
            return Err(unknown("REGION_UNKNOWN", format!("there is no region {region}")));
        }
        let figures = self.figures.region_figures(&directory, &region).await.map_err(refusal)?;
        Ok(Response::new(GetRegionFiguresResponse {
            total: Some(to_proto(&figures.total)),
            months: figures.months.iter().map(month).collect(),
            regions: figures.regions.into_iter().map(named).collect(),
            categories: figures.categories.into_iter().map(category).collect(),
            tree_size: figures.tree_size,
        }))
    }

    async fn get_representative_archive(
        &self,
        request: Request<GetRepresentativeArchiveRequest>,
    ) -> Result<Response<GetRepresentativeArchiveResponse>, Status> {
        let code = request.into_inner().representative;
        let directory = self.directory.load();
        let designation = match directory.representative(&code) {
            Some(representative) => representative.designation.clone(),
            None => {
                return Err(unknown(
                    "REPRESENTATIVE_UNKNOWN",
                    format!("there is no representative {code:?}"),
                ));
            }
        };
        let archive = self.figures.representative_archive(&code).await.map_err(refusal)?;
        let total = archive.total;
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
