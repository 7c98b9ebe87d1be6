//! Cases over gRPC. No token is needed; nothing here can change anything.

use std::sync::Arc;

use huying_platform::{
    Platform,
    codes::UnitCode,
    directory::DirectoryHandle,
    status::{self, timestamp_to_proto},
};
use huying_proto::ledger::v1::{
    CaseSummary, Fragment, GetCaseRequest, GetCaseResponse, GetCheckpointRequest, GetCheckpointResponse,
    GetInclusionProofRequest, GetInclusionProofResponse, GetUnitFiguresRequest, GetUnitFiguresResponse,
    ListCasesRequest, ListCasesResponse, ledger_service_server::LedgerService,
};
use sqlx::PgPool;
use tonic::{Code, Request, Response, Status};

use super::{case_lists::ListAsked, one_case, refusal, violation};
use crate::{
    LogIdentity,
    domain::{account::Account, counts::Counts, highlight, title::ListedTitle},
    page_token::page_token,
    searching::{self, SearchError, Searches},
    use_cases::{
        figures::unit_figures, get_case::GetCase, latest_checkpoint::latest_checkpoint,
        list_cases::ListedCase, log_keys::key_of_note, prove_inclusion::prove_inclusion,
    },
};

/// Answers readers.
#[derive(Debug)]
pub struct LedgerApi {
    db: PgPool,
    log: Arc<LogIdentity>,
    cases: Arc<GetCase>,
    searches: Arc<Searches>,
    directory: DirectoryHandle,
}

impl LedgerApi {
    /// Reads over these connections.
    pub fn new(
        platform: &Platform,
        readers: PgPool,
        log: Arc<LogIdentity>,
        cases: Arc<GetCase>,
        searches: Arc<Searches>,
    ) -> Self {
        Self { db: readers, log, cases, searches, directory: platform.directory.clone() }
    }
}

#[tonic::async_trait]
impl LedgerService for LedgerApi {
    async fn get_checkpoint(
        &self,
        _: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let (_, checkpoint) = latest_checkpoint(&self.db).await.map_err(refusal)?;
        let verifier_key = key_of_note(&self.log, &checkpoint);
        Ok(Response::new(GetCheckpointResponse { checkpoint, verifier_key }))
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let (case_id, wanted) = one_case::parse_request(request.get_ref())?;
        let view = self.cases.get(case_id, wanted).await.map_err(refusal)?;
        Ok(Response::new(one_case::response(view)))
    }

    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        let request = request.into_inner();
        let ListAsked { filter, after, page_size } = ListAsked::parse(&request)?;
        let page = self.searches.list(&filter, after, page_size).await.map_err(|error| match error {
            SearchError::Busy => status::busy(error.to_string(), searching::RETRY_AFTER),
            SearchError::Read(error) => refusal(error),
        })?;
        Ok(Response::new(ListCasesResponse {
            cases: page.cases.into_iter().map(listed).collect(),
            next_page_token: page.next.map_or_else(String::new, |place| page_token(&filter, &place)),
            total: page.total,
            unreadable_case_ids: page.unreadable.iter().map(ToString::to_string).collect(),
        }))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<GetInclusionProofRequest>,
    ) -> Result<Response<GetInclusionProofResponse>, Status> {
        let proof = prove_inclusion(&self.db, request.get_ref().leaf_index, 0).await.map_err(refusal)?;
        Ok(Response::new(GetInclusionProofResponse {
            leaf: proof.leaf,
            path: proof.path.iter().map(|hash| hash.to_vec()).collect(),
            checkpoint: proof.checkpoint,
        }))
    }

    async fn get_unit_figures(
        &self,
        request: Request<GetUnitFiguresRequest>,
    ) -> Result<Response<GetUnitFiguresResponse>, Status> {
        let unit: UnitCode = request.get_ref().unit.parse().map_err(|error| violation("unit", &error))?;
        let counted = unit_figures(&self.db, unit.as_str()).await.map_err(refusal)?;
        let figures = counted.total;
        let directory = self.directory.load();
        let known = directory.unit(unit.as_str());
        if known.is_none() && figures == Counts::default() {
            let message = format!("there is no unit {unit}");
            return Err(status::refused(Code::NotFound, "UNIT_UNKNOWN", message, &[]));
        }
        Ok(Response::new(GetUnitFiguresResponse {
            unit: unit.to_string(),
            unit_name: known.map_or(unit.as_str(), |unit| &unit.name).to_owned(),
            received: figures.received,
            open: figures.open,
            overdue: figures.overdue,
            replied: figures.replied,
            rated: figures.rated,
            resolved: figures.resolved,
            satisfied: figures.satisfied,
            silent: figures.silent(),
            returned: figures.returned,
            expired: figures.expired,
            parts: figures.parts,
            parts_answered: figures.parts_answered,
            transferred: figures.transferred,
            extensions_requested: figures.extensions_requested,
            extensions_granted: figures.extensions_granted,
            urged: figures.urged,
            supervised: figures.supervised,
            criticised: figures.criticised,
            tree_size: counted.tree_size,
            answered_along: figures.answered_along,
            awaiting_rating: figures.awaiting_rating,
            declined: figures.declined,
            withdrawn: figures.withdrawn,
            replied_in_time: figures.replied_in_time,
        }))
    }
}

fn listed(case: ListedCase) -> CaseSummary {
    let fragment = |fragment: highlight::Fragment| Fragment { text: fragment.text, found: fragment.found };
    let (title, title_differs) = match case.title {
        Some(ListedTitle::AsCommitted(title)) => (Some(title), false),
        Some(ListedTitle::Otherwise) => (None, true),
        None => (None, false),
    };
    CaseSummary {
        fragments: case.fragments.into_iter().map(fragment).collect(),
        title_differs,
        ..summary(&case.account, title)
    }
}

/// A case in short.
pub(super) fn summary(account: &Account, title: Option<String>) -> CaseSummary {
    CaseSummary {
        case_id: account.case_id.to_string(),
        kind: account.kind.into(),
        state: account.state.into(),
        region: Some(account.region.to_proto()),
        title: title.unwrap_or_default(),
        category: account.category.clone(),
        holder_office: account.holder_office.clone(),
        responsible_unit: account.responsible_unit.clone(),
        overdue: account.overdue,
        case_version: account.version,
        submitted_at: Some(timestamp_to_proto(account.submitted_at)),
        updated_at: Some(timestamp_to_proto(account.updated_at)),
        petitioner_count: account.petitioner_count,
        merged_into: account.merged_into.map_or_else(String::new, |case_id| case_id.to_string()),
        open_parts: account.open_parts,
        fragments: Vec::new(),
        title_differs: false,
    }
}
