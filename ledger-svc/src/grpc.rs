//! The public account over gRPC. No token is needed; nothing here can change anything.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use data_encoding::HEXLOWER;
use huying_platform::{
    Platform,
    codes::RegionCode,
    directory::DirectoryHandle,
    ids::CaseId,
    status::{self, Violations, chain, from_micros, micros, timestamp_to_proto},
};
use huying_proto::{
    events::v1::{Actor, CaseState},
    ledger::v1::{
        CaseSummary, GetCaseRequest, GetCaseResponse, GetCheckpointRequest, GetCheckpointResponse,
        GetInclusionProofRequest, GetInclusionProofResponse, GetUnitFiguresRequest, GetUnitFiguresResponse,
        Line, ListCasesRequest, ListCasesResponse, Text, ledger_service_server::LedgerService,
    },
};
use jiff::Timestamp;
use sqlx::PgPool;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::{
    LogIdentity,
    domain::{account::Account, words},
    store::cases::{CaseFilter, Place},
    use_cases::{
        ReadError,
        get_case::{LineView, TextView, get_case},
        latest_checkpoint::latest_checkpoint,
        list_cases::list_cases,
        prove_inclusion::prove_inclusion,
        unit_figures::unit_figures,
    },
};

/// Cases on a page when the caller does not say.
const PAGE_SIZE_DEFAULT: u32 = 50;

/// Most cases on a page.
const PAGE_SIZE_MAX: u32 = 500;

/// Most states a filter names: more would be a mistake, there are fewer.
const STATES_MAX: usize = 16;

/// Answers readers.
#[derive(Debug)]
pub struct LedgerApi {
    db: PgPool,
    directory: DirectoryHandle,
    verifier_key: String,
}

impl LedgerApi {
    /// Reads over these connections.
    pub fn new(platform: &Platform, readers: PgPool, log: &LogIdentity) -> Self {
        Self { db: readers, directory: platform.directory.clone(), verifier_key: log.signer.verifier_key() }
    }
}

#[tonic::async_trait]
impl LedgerService for LedgerApi {
    async fn get_checkpoint(
        &self,
        _: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let (_, checkpoint) = latest_checkpoint(&self.db).await.map_err(refusal)?;
        Ok(Response::new(GetCheckpointResponse { checkpoint, verifier_key: self.verifier_key.clone() }))
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let case_id: CaseId =
            request.get_ref().case_id.parse().map_err(|error| violation("case_id", &error))?;
        let view = get_case(&self.db, case_id).await.map_err(refusal)?;
        Ok(Response::new(GetCaseResponse {
            case: Some(summary(&view.account, view.title)),
            lines: view.lines.into_iter().map(line).collect(),
        }))
    }

    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        let request = request.into_inner();
        let (filter, after, page_size) = self.parse_list(&request)?;
        let page = list_cases(&self.db, &filter, after, page_size).await.map_err(refusal)?;
        Ok(Response::new(ListCasesResponse {
            cases: page.cases.into_iter().map(|case| summary(&case.account, case.title)).collect(),
            next_page_token: page.next.map_or_else(String::new, page_token),
            total: page.total,
        }))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<GetInclusionProofRequest>,
    ) -> Result<Response<GetInclusionProofResponse>, Status> {
        let proof = prove_inclusion(&self.db, request.get_ref().leaf_index).await.map_err(refusal)?;
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
        let unit = request.into_inner().unit;
        let unit_name = self.unit_name(&unit)?;
        let figures = unit_figures(&self.db, &unit).await.map_err(refusal)?;
        Ok(Response::new(GetUnitFiguresResponse {
            unit,
            unit_name,
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
            tree_size: figures.tree_size,
        }))
    }
}

#[allow(clippy::result_large_err)] // The size is tonic's choice.
impl LedgerApi {
    fn unit_name(&self, unit: &str) -> Result<String, Status> {
        let directory = self.directory.load();
        let known = directory.unit(unit).ok_or_else(|| {
            status::refused(Code::NotFound, "UNIT_UNKNOWN", format!("there is no unit {unit:?}"), &[])
        })?;
        Ok(known.name.clone())
    }

    fn parse_list(&self, request: &ListCasesRequest) -> Result<(CaseFilter, Option<Place>, u32), Status> {
        let mut violations = Violations::new();
        let mut filter = CaseFilter { overdue_only: request.overdue_only, ..CaseFilter::default() };
        if !request.region_code.is_empty() {
            match request.region_code.parse::<RegionCode>() {
                Ok(region) => filter.region = Some(region),
                Err(error) => violations.add("region_code", error.to_string()),
            }
        }
        if request.states.len() > STATES_MAX {
            violations.add("states", format!("has more than {STATES_MAX}; each state once would be right"));
        }
        for state in request.states.iter().take(STATES_MAX) {
            match CaseState::try_from(*state) {
                Ok(CaseState::Unspecified) | Err(_) => {
                    violations.add("states", format!("has {state}, which is no state"));
                }
                Ok(state) => filter.states.push(state),
            }
        }
        let page_size = match request.page_size {
            0 => PAGE_SIZE_DEFAULT,
            size if size <= PAGE_SIZE_MAX => size,
            size => {
                violations.add("page_size", format!("is {size}; 1 to {PAGE_SIZE_MAX} would be right"));
                PAGE_SIZE_DEFAULT
            }
        };
        let mut after = None;
        if !request.page_token.is_empty() {
            after = parse_page_token(&request.page_token);
            if after.is_none() {
                violations.add(
                    "page_token",
                    "is not one of ours; next_page_token of the last answer would be right",
                );
            }
        }
        violations.check()?;
        let directory = self.directory.load();
        if let Some(region) =
            filter.region.as_ref().filter(|region| directory.region(region.as_str()).is_none())
        {
            let message = format!("there is no region {region}");
            return Err(status::refused(Code::NotFound, "REGION_UNKNOWN", message, &[]));
        }
        if !request.unit.is_empty() {
            self.unit_name(&request.unit)?;
            filter.unit = Some(request.unit.clone());
        }
        Ok((filter, after, page_size))
    }
}

/// The place where a page ended, as an opaque token.
pub fn page_token(place: Place) -> String {
    let mut bytes = micros(place.submitted_at).to_be_bytes().to_vec();
    bytes.extend_from_slice(place.case_id.as_uuid().as_bytes());
    BASE64.encode(bytes)
}

/// Reads [`page_token`]; `None` when it is not one.
pub fn parse_page_token(token: &str) -> Option<Place> {
    let bytes = BASE64.decode(token).ok()?;
    let (time, id) = bytes.split_first_chunk::<8>()?;
    let time = i64::from_be_bytes(*time);
    // PostgreSQL and jiff have different ends of time; both know every day of these.
    let range = -62_135_596_800_000_000..=253_402_207_200_000_000;
    let submitted_at: Timestamp = range.contains(&time).then(|| from_micros(time))?;
    Some(Place { submitted_at, case_id: CaseId::from_uuid(Uuid::from_slice(id).ok()?) })
}

fn summary(account: &Account, title: Option<String>) -> CaseSummary {
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
    }
}

fn line(line: LineView) -> Line {
    let occurred_at: Option<Timestamp> = line.leaf.occurred_at.parse().ok();
    let role = words::role_of(&line.leaf.actor.role).unwrap_or_default();
    Line {
        case_version: line.leaf.case_version,
        event_type: line.leaf.event_type.into_owned(),
        occurred_at: occurred_at.map(timestamp_to_proto),
        actor: Some(Actor { role: role.into(), code: line.leaf.actor.code.into_owned() }),
        leaf_index: line.leaf_index,
        leaf: line.json,
        texts: line.texts.into_iter().map(text).collect(),
    }
}

fn text(text: TextView) -> Text {
    let (shown, salt) = match text.shown {
        Some(shown) => (shown.text, HEXLOWER.encode(&shown.salt)),
        None => (String::new(), String::new()),
    };
    Text { name: text.name, text: shown, commitment: text.commitment, salt, erased: text.erased }
}

fn violation(field: &str, error: &dyn std::fmt::Display) -> Status {
    let mut violations = Violations::new();
    violations.add(field, error.to_string());
    violations.into_status()
}

fn refusal(error: ReadError) -> Status {
    match error {
        ReadError::CaseNotFound(case_id) => status::refused(
            Code::NotFound,
            "CASE_NOT_FOUND",
            error.to_string(),
            &[("case_id", case_id.to_string())],
        ),
        ReadError::LeafOutOfRange { tree_size, .. } => violation(
            "leaf_index",
            &format_args!("is not in the tree; it has {tree_size} leaves, counted from 0"),
        ),
        ReadError::NoCheckpoint => {
            status::refused(Code::Unavailable, "NO_CHECKPOINT_YET", chain(&error), &[])
        }
        ReadError::CorruptLeaf(_) | ReadError::CorruptTiles(_) => status::internal(&error),
        ReadError::Sql(error) => status::from_sqlx(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_reads_back() {
        let place = Place { submitted_at: from_micros(1_772_330_400_123_456), case_id: CaseId::new_v7() };
        assert_eq!(parse_page_token(&page_token(place)), Some(place));
    }

    #[test]
    fn other_tokens_are_refused() {
        for token in
            ["x", "AAAA", &BASE64.encode([0x80; 24]), &BASE64.encode([0x7f; 24]), &BASE64.encode([0; 23])]
        {
            assert_eq!(parse_page_token(token), None, "{token}");
        }
    }
}
