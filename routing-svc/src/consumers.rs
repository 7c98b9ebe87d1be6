//! What this service hears, and which use case it leads to.

use huying_platform::{
    Platform,
    consumer::{BatchHandler, ConsumerConfig, HandleError, Incoming},
    status::chain,
    subjects,
};
use huying_proto::events::v1::{Event, event::Body};

use crate::{
    domain::submission::{Malformed, Submission},
    service::{CONSUMER, Service},
    use_cases::{
        take_up_requests::{self, Request, take_up_requests},
        take_up_submissions::{self, Arrived, take_up_submissions},
    },
};

/// Consumes what intake tells and asks.
#[derive(Debug)]
pub struct IntakeEvents {
    /// What the use cases work with.
    pub service: Service,
}

/// Starts consuming.
pub fn spawn(platform: &Platform, service: Service) {
    let filters = subjects::case_events(&[
        "CaseSubmitted",
        "RatingRequested",
        "PrivateReadRequested",
        "ErasureRequested",
        "WithdrawalRequested",
    ]);
    platform.spawn_consumer(ConsumerConfig::cases(CONSUMER, filters), IntakeEvents { service });
}

impl BatchHandler for IntakeEvents {
    type Message = Event;

    /// Submissions first, in a transaction of their own, so that a request finds the case that came in the same batch.
    /// Should the requests then fail, the submissions come again and are known.
    async fn handle(&self, batch: &[Incoming<Event>]) -> Result<(), HandleError> {
        let mut submissions = Vec::with_capacity(batch.len());
        let mut requests = Vec::new();
        for incoming in batch {
            incoming.check_subject()?;
            let traceparent = incoming.traceparent.clone();
            if let Some(Body::CaseSubmitted(_)) = &incoming.message.body {
                submissions.push(Arrived { submission: Submission::parse(&incoming.message)?, traceparent });
            } else {
                requests.push(Request::parse(&incoming.message, traceparent)?);
            }
        }
        if !submissions.is_empty() {
            take_up_submissions(&self.service, submissions).await?;
        }
        if !requests.is_empty() {
            take_up_requests(&self.service, &requests).await?;
        }
        Ok(())
    }
}

impl From<Malformed> for HandleError {
    fn from(malformed: Malformed) -> Self {
        Self::Poison(malformed.to_string())
    }
}

impl From<take_up_submissions::TakeUpError> for HandleError {
    fn from(error: take_up_submissions::TakeUpError) -> Self {
        match error {
            take_up_submissions::TakeUpError::NoOffice { .. } => Self::NotYet(chain(&error)),
            take_up_submissions::TakeUpError::Database(error) => Self::Sql(error),
        }
    }
}

impl From<take_up_requests::TakeUpError> for HandleError {
    fn from(error: take_up_requests::TakeUpError) -> Self {
        match error {
            take_up_requests::TakeUpError::CaseNotHere { .. } => Self::NotYet(error.to_string()),
            take_up_requests::TakeUpError::Contended => Self::Transient(error.to_string()),
            take_up_requests::TakeUpError::Database(error) => Self::Sql(error),
        }
    }
}
