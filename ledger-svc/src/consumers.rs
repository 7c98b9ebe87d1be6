//! Events of cases become leaves. Requests and refusals (version 0) are not history and pass by.

use std::sync::Arc;

use huying_platform::{
    consumer::{BatchHandler, HandleError, Incoming},
    status::chain,
};
use huying_proto::events::v1::Event;
use prometheus_client::metrics::counter::Counter;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::event::CaseEvent,
    use_cases::append_events::{AppendError, AppendEvents},
};

/// Appends what arrives, for as long as its sequencer leads.
#[derive(Debug)]
pub struct CaseEvents {
    /// What it does.
    pub append: Arc<AppendEvents>,
    /// Cancelled here when another sequencer turns out to lead, or the log is not as it was signed.
    pub lead: CancellationToken,
    /// Times that the log was not as it was signed.
    pub faults: Counter,
}

impl BatchHandler for CaseEvents {
    type Message = Event;

    async fn handle(&self, batch: &[Incoming<Event>]) -> Result<(), HandleError> {
        let mut events = Vec::with_capacity(batch.len());
        for incoming in batch.iter().filter(|incoming| incoming.message.case_version > 0) {
            if incoming.message.body.is_none() {
                // Most likely from a newer routing-svc, in the midst of an upgrade of which this service is still to come.
                return Err(HandleError::NotYet(format!(
                    "{} is an event this version does not know",
                    incoming.subject
                )));
            }
            incoming.check_subject()?;
            let event = CaseEvent::parse(incoming.message.clone())
                .map_err(|error| HandleError::Poison(chain(&error)))?;
            events.push(event);
        }
        if events.is_empty() {
            return Ok(());
        }
        match self.append.append(events).await {
            Ok(appended) => {
                tracing::debug!(
                    leaves = appended.leaves,
                    parked = appended.parked,
                    duplicates = appended.duplicates,
                    tree_size = appended.tree_size,
                    "appended"
                );
                Ok(())
            }
            Err(AppendError::Sql(error)) => Err(HandleError::Sql(error)),
            Err(
                error @ (AppendError::TooLarge { .. }
                | AppendError::Unreadable { .. }
                | AppendError::Contradicted { .. }
                | AppendError::TooEarly { .. }),
            ) => Err(HandleError::Poison(chain(&error))),
            Err(error @ AppendError::Superseded { .. }) => {
                self.lead.cancel();
                Err(HandleError::Transient(chain(&error)))
            }
            // No fault of the events: they wait until an operator has looked.
            Err(error @ AppendError::Head(_)) => {
                self.faults.inc();
                self.lead.cancel();
                tracing::error!(error = chain(&error), "nothing is signed");
                Err(HandleError::Transient(chain(&error)))
            }
            Err(error @ (AppendError::Unsigned(_) | AppendError::NoEntropy(_))) => {
                Err(HandleError::Transient(chain(&error)))
            }
        }
    }
}
