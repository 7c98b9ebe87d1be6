//! RuleService: versions of the routing rules, tried before they are activated.

use std::{sync::Arc, time::Duration};

use huying_platform::{
    auth::{Authenticator, Principal, Role},
    status::{Violations, busy, timestamp_to_proto},
};
use huying_proto::routing::v1::{
    self as proto, ActivateRulesRequest, ActivateRulesResponse, GetRuleSetRequest, GetRuleSetResponse,
    ListRuleSetsRequest, ListRuleSetsResponse, ProposeRulesRequest, ProposeRulesResponse,
    rule_service_server::RuleService,
};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use super::fields;
use crate::{
    domain::import::RULES_BYTES_MAX,
    service::Service,
    store::rule_sets::RuleSet,
    use_cases::{
        activate_rules::{Activation, activate_rules},
        get_rule_set::get_rule_set,
        list_rule_sets::list_rule_sets,
        propose_rules::{Proposal, propose_rules},
    },
};

/// Bounds, as the contract gives them.
const NOTE_CHARS_MAX: usize = 500;
const PAST_CASES_USUAL: u32 = 2_000;
const PAST_CASES_MAX: u32 = 20_000;
const PAGE_USUAL: u32 = 50;
const PAGE_MAX: u32 = 200;
/// Sets that are tried at once: each keeps a processor busy for up to some seconds.
const TRIALS_MAX: usize = 1;

/// Serves RuleService.
#[derive(Debug)]
pub struct Rules {
    service: Service,
    auth: Arc<Authenticator>,
    trials: Semaphore,
}

impl Rules {
    /// Serves the use cases to whom the tokens name.
    #[must_use]
    pub fn new(service: Service, auth: Arc<Authenticator>) -> Self {
        Self { service, auth, trials: Semaphore::new(TRIALS_MAX) }
    }

    /// Rules concern the whole installation, so a token of one region is not enough, whatever its role.
    #[allow(clippy::result_large_err)] // Status is what tonic asks for.
    fn caller(&self, metadata: &MetadataMap, roles: &[Role]) -> Result<Principal, Status> {
        let principal = self.auth.authenticate(metadata)?;
        principal.require(roles)?;
        principal.require_unscoped()?;
        Ok(principal)
    }
}

#[tonic::async_trait]
impl RuleService for Rules {
    async fn propose_rules(
        &self,
        request: Request<ProposeRulesRequest>,
    ) -> Result<Response<ProposeRulesResponse>, Status> {
        let principal = self.caller(request.metadata(), &[Role::Operator])?;
        let mut violations = Violations::new();
        let proposal = proposal(request.into_inner(), principal.subject, &mut violations);
        violations.check()?;
        let _turn = self
            .trials
            .try_acquire()
            .map_err(|_| busy("another set of rules is being tried", Duration::from_secs(5)))?;
        Ok(Response::new(propose_rules(&self.service, proposal).await?))
    }

    async fn activate_rules(
        &self,
        request: Request<ActivateRulesRequest>,
    ) -> Result<Response<ActivateRulesResponse>, Status> {
        let principal = self.caller(request.metadata(), &[Role::Operator])?;
        let ActivateRulesRequest { version, expected_active_version } = request.into_inner();
        check_version(version)?;
        let activation = Activation { version, expected_active_version, by: principal.subject };
        Ok(Response::new(activate_rules(&self.service, &activation).await?))
    }

    async fn list_rule_sets(
        &self,
        request: Request<ListRuleSetsRequest>,
    ) -> Result<Response<ListRuleSetsResponse>, Status> {
        self.caller(request.metadata(), &[Role::Operator, Role::Auditor])?;
        let mut violations = Violations::new();
        let page_size = fields::page_size(request.get_ref().page_size, PAGE_USUAL, PAGE_MAX, &mut violations);
        violations.check()?;
        let below = Some(request.get_ref().before_version).filter(|&version| version > 0);
        let found = list_rule_sets(&self.service, below, page_size).await?;
        let rule_sets = found.into_iter().map(rule_set).collect();
        Ok(Response::new(ListRuleSetsResponse { rule_sets }))
    }

    async fn get_rule_set(
        &self,
        request: Request<GetRuleSetRequest>,
    ) -> Result<Response<GetRuleSetResponse>, Status> {
        self.caller(request.metadata(), &[Role::Operator, Role::Auditor])?;
        let version = request.get_ref().version;
        check_version(version)?;
        let (found, rules_csv) = get_rule_set(&self.service, version).await?;
        Ok(Response::new(GetRuleSetResponse { rule_set: Some(rule_set(found)), rules_csv }))
    }
}

fn proposal(message: ProposeRulesRequest, by: String, violations: &mut Violations) -> Proposal {
    let ProposeRulesRequest { rules_csv: csv, note, past_cases } = message;
    if csv.is_empty() {
        violations.add("rules_csv", "is empty; rules.csv with its header line would be right");
    } else if csv.len() > RULES_BYTES_MAX {
        let problem = format!("has {} bytes; at most {RULES_BYTES_MAX} would be right", csv.len());
        violations.add("rules_csv", problem);
    }
    if past_cases > PAST_CASES_MAX {
        let right = format!("1 to {PAST_CASES_MAX}, or 0 for {PAST_CASES_USUAL}, would be right");
        violations.add("past_cases", format!("is {past_cases}; {right}"));
    }
    let note = fields::text("note", &note, NOTE_CHARS_MAX, violations);
    let past_cases = if past_cases == 0 { PAST_CASES_USUAL } else { past_cases };
    Proposal { csv, note, by, past_cases }
}

#[allow(clippy::result_large_err)] // Status is what tonic asks for.
fn check_version(version: u64) -> Result<(), Status> {
    let mut violations = Violations::new();
    if version == 0 {
        violations.add("version", "is 0; 1 or more would be right");
    }
    violations.check()
}

fn rule_set(found: RuleSet) -> proto::RuleSet {
    let (activated_at, activated_by) = found.activated.unzip();
    proto::RuleSet {
        version: found.version,
        note: found.note,
        proposed_by: found.proposed_by,
        proposed_at: Some(timestamp_to_proto(found.proposed_at)),
        activated_at: activated_at.map(timestamp_to_proto),
        activated_by: activated_by.unwrap_or_default(),
        active: found.active,
        rules: found.rules,
    }
}
