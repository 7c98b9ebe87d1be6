//! Takes up what citizens submitted: many cases in one transaction, six statements whatever their number.
//!
//! The primary key of the case is the inbox: a submission that comes again inserts nothing, and what was not inserted
//! is neither entered nor sent.

use std::{collections::BTreeMap, sync::Arc};

use huying_platform::ids::CaseId;
use huying_proto::events::v1::Actor;

use super::desk::{Entries, header_of};
use crate::{
    domain::{
        decide::Decision,
        submission::{NoOffice, Submission, take_up},
    },
    reference::Reference,
    service::Service,
    store::{
        cases::{self, NewCase},
        history,
    },
};

/// A submission and the trace it belongs to.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The submission.
    pub submission: Submission,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
}

/// Why a batch was not taken up. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum TakeUpError {
    /// Reference data is missing.
    #[error("case {case_id} cannot be held by anybody yet")]
    NoOffice {
        /// The case.
        case_id: CaseId,
        /// Why.
        #[source]
        source: NoOffice,
    },
    /// A failed statement or commit.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Takes up a batch. Returns how many cases are new.
///
/// # Errors
/// When one of them has no office, or a statement fails.
pub async fn take_up_submissions(service: &Service, batch: Vec<Arrived>) -> Result<usize, TakeUpError> {
    let reference = service.reference().await?;
    let decided = decide_all(service, &reference, batch)?;
    let cases: Vec<NewCase<'_>> = decided
        .values()
        .map(|(arrived, decision)| NewCase { submission: &arrived.submission, case: &decision.case })
        .collect();

    let mut transaction = service.db.begin().await?;
    let new = cases::insert_new(&mut transaction, &cases).await?;
    let mut entries = Entries::default();
    for (case_id, (arrived, decision)) in decided {
        if new.contains(&case_id.as_uuid()) {
            let Decision { case, events } = decision;
            let header = header_of(&case, &Arc::new(arrived.submission.header));
            entries.add(None, &case, &header, events, arrived.traceparent.as_deref());
        }
    }
    if !new.is_empty() {
        history::append(&mut transaction, &entries.episodes).await?;
        entries.tell(&mut transaction, &service.outbox).await?;
    }
    transaction.commit().await?;
    service.outbox.wake();
    Ok(new.len())
}

/// By case id, which also drops what came twice in one batch.
type Decisions = BTreeMap<CaseId, (Arrived, Decision)>;

fn decide_all(
    service: &Service,
    reference: &Reference,
    batch: Vec<Arrived>,
) -> Result<Decisions, TakeUpError> {
    let context = reference.context(service.clock.now(), Actor::default());
    let mut decided = Decisions::new();
    for arrived in batch {
        let case_id = arrived.submission.case_id;
        let decision = take_up(&arrived.submission, &reference.routing, &context)
            .map_err(|source| TakeUpError::NoOffice { case_id, source })?;
        decided.insert(case_id, (arrived, decision));
    }
    Ok(decided)
}
