//! The contract `huying.notify.v1` over the use cases: parsing on the way in, status codes on the way out.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use huying_platform::{
    auth::Authenticator,
    status::{self, Violations, chain, refused},
};
use huying_proto::notify::v1::{
    self as proto, AcknowledgeRequest, AcknowledgeResponse, SubscribeRequest, SubscribeResponse,
    notification_service_server::NotificationService,
};
use tonic::{Code, Request, Response, Status};

use crate::{
    domain::{
        delivery::Notification, mailbox::PositionRefused, recipient::Recipient, recipient::RecipientRefused,
    },
    use_cases::{
        Refusal,
        acknowledge::Acknowledge,
        subscribe::{StreamEnd, Subscribe},
    },
};

/// When a client that found no room should come again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Answers `NotificationService`.
#[derive(Debug, Clone)]
pub struct Notifications {
    /// Who calls.
    pub auth: Arc<Authenticator>,
    /// Streams.
    pub subscribe: Subscribe,
    /// Acknowledgements.
    pub acknowledge: Acknowledge,
}

#[tonic::async_trait]
impl NotificationService for Notifications {
    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let caller = self.auth.authenticate(request.metadata())?;
        let SubscribeRequest { recipient, after_position } = request.into_inner();
        let recipient = parse(recipient)?;
        let stream = self
            .subscribe
            .subscribe(&caller, &recipient, after_position)
            .await
            .map_err(|refusal| refusal_status(refusal, "after_position"))?;
        Ok(Response::new(Box::pin(stream.map(|item| item.map(response).map_err(end_status)))))
    }

    async fn acknowledge(
        &self,
        request: Request<AcknowledgeRequest>,
    ) -> Result<Response<AcknowledgeResponse>, Status> {
        let caller = self.auth.authenticate(request.metadata())?;
        let AcknowledgeRequest { recipient, position } = request.into_inner();
        let recipient = parse(recipient)?;
        self.acknowledge
            .acknowledge(&caller, &recipient, position)
            .await
            .map_err(|refusal| refusal_status(refusal, "position"))?;
        Ok(Response::new(AcknowledgeResponse {}))
    }
}

#[allow(clippy::result_large_err)]
fn parse(recipient: Option<proto::Recipient>) -> Result<Recipient, Status> {
    use proto::recipient::Recipient as OneOf;
    let mut violations = Violations::new();
    let (field, parsed) = match recipient.and_then(|recipient| recipient.recipient) {
        Some(OneOf::RepresentativeCode(code)) => {
            ("recipient.representative_code", Recipient::representative(&code))
        }
        Some(OneOf::UnitCode(code)) => ("recipient.unit_code", Recipient::unit(&code)),
        None => {
            violations.add("recipient", "is not set; a representative_code or a unit_code would be right");
            return Err(violations.into_status());
        }
    };
    parsed.map_err(|invalid| {
        violations.add(field, invalid.to_string());
        violations.into_status()
    })
}

fn response(notification: Notification) -> SubscribeResponse {
    let Notification { position, event, size_bytes: _ } = notification;
    // Whoever is the last to be sent an event need not copy it.
    SubscribeResponse { position, event: Some(Arc::unwrap_or_clone(event)) }
}

/// `position_field` is the field of the request that holds the position.
fn refusal_status(refusal: Refusal, position_field: &str) -> Status {
    match refusal {
        Refusal::Recipient(refused_recipient) => {
            let message = refused_recipient.to_string();
            match refused_recipient {
                RecipientRefused::NotYours(_) => {
                    refused(Code::PermissionDenied, "RECIPIENT_NOT_YOURS", message, &[])
                }
                RecipientRefused::Unknown(recipient) => {
                    let metadata = [("recipient", recipient.to_string())];
                    refused(Code::NotFound, "RECIPIENT_UNKNOWN", message, &metadata)
                }
            }
        }
        Refusal::Position(position) => match position {
            PositionRefused::BeyondLast { .. } => {
                let mut violations = Violations::new();
                violations.add(position_field, position.to_string());
                violations.into_status()
            }
            PositionRefused::Backwards { acknowledged_position, .. } => {
                let metadata = [("acknowledged_position", acknowledged_position.to_string())];
                refused(Code::FailedPrecondition, "ACKNOWLEDGED_FURTHER", position.to_string(), &metadata)
            }
        },
        Refusal::Full(full) => status::busy(full.to_string(), RETRY_AFTER),
        Refusal::Store(error) => status::from_sqlx(error),
    }
}

/// Every end but a fault of ours is one to resume from.
fn end_status(end: StreamEnd) -> Status {
    let message = format!("{end}; call again with the last position seen");
    match end {
        StreamEnd::Stopping => refused(Code::Unavailable, "SERVER_STOPPING", message, &[]),
        StreamEnd::TooSlow => refused(Code::Aborted, "SUBSCRIBER_TOO_SLOW", message, &[]),
        StreamEnd::Store(error) if status::is_transient(&error) => {
            tracing::warn!(error = chain(&error), "mailbox not readable");
            refused(Code::Unavailable, "MAILBOX_UNAVAILABLE", message, &[])
        }
        StreamEnd::Store(error) => status::from_sqlx(error),
    }
}
