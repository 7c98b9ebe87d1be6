//! Events of routing-svc → `follow_case`.

use huying_platform::{
    consumer::{BatchHandler, ConsumerConfig, HandleError, Incoming},
    ids::{CaseId, EventId},
    status::{from_micros, timestamp_from_proto},
    subjects,
};
use huying_proto::events::v1::{CaseDeclined, CaseState, DeclineGround, Event, event::Body};
use sqlx::PgPool;

use crate::{
    domain::standing::{Decline, Reply, Standing, Told},
    use_cases::follow_case::{News, follow_case},
};

/// What intake listens to: every event that makes a version of a case, and refusals. Not its own.
const FOLLOWED: [&str; 36] = [
    "CaseQueued",
    "CaseRegistered",
    "CaseAssigned",
    "CaseDelegated",
    "CaseEscalated",
    "CaseAccepted",
    "CaseReturned",
    "ProgressReported",
    "CaseReplied",
    "CaseRated",
    "CaseReopened",
    "CaseClosed",
    "DeadlineExpired",
    "PrivatePartRead",
    "PrivatePartErased",
    "CaseDeclined",
    "CaseClassified",
    "CaseTransferred",
    "CaseClaimed",
    "PartAssigned",
    "PartAnswered",
    "PartWaived",
    "ExtensionRequested",
    "ExtensionGranted",
    "ExtensionRefused",
    "DeadlineNear",
    "CaseUrged",
    "CaseSupervised",
    "CriticismCirculated",
    "CaseMerged",
    "CaseAbsorbed",
    "CaseUnmerged",
    "CaseSplitOff",
    "CaseWithdrawn",
    "ClocksRecomputed",
    "RequestRefused",
];

/// The consumer of case events.
#[must_use]
pub fn follow_cases_config() -> ConsumerConfig {
    ConsumerConfig::cases("intake", subjects::case_events(&FOLLOWED))
}

/// Keeps the projection of cases.
#[derive(Debug)]
pub struct FollowCases {
    /// The service's own database.
    pub db: PgPool,
}

impl BatchHandler for FollowCases {
    type Message = Event;

    async fn handle(&self, batch: &[Incoming<Event>]) -> Result<(), HandleError> {
        let mut news = News::default();
        for incoming in batch {
            incoming.check_subject()?;
            read(&incoming.message, &mut news).map_err(HandleError::Poison)?;
        }
        Ok(follow_case(&self.db, news).await?)
    }
}

/// Reads one event; the error says what makes it unusable.
fn read(event: &Event, news: &mut News) -> Result<(), String> {
    let body = event.body.as_ref().ok_or("the event has no body")?;
    match body {
        Body::CaseReplied(reply) => {
            let number = i32::try_from(reply.reply_number).map_err(|_| "reply_number is out of range")?;
            let reply = Reply { number, text: without_nul(&reply.text) };
            news.standings.push(Told { reply: Some(reply), ..told(event)? });
        }
        Body::CaseDeclined(declined) => {
            news.standings.push(Told { decline: Some(decline(declined)?), ..told(event)? });
        }
        Body::CaseQueued(_)
        | Body::CaseRegistered(_)
        | Body::CaseAssigned(_)
        | Body::CaseDelegated(_)
        | Body::CaseEscalated(_)
        | Body::CaseAccepted(_)
        | Body::CaseReturned(_)
        | Body::ProgressReported(_)
        | Body::CaseRated(_)
        | Body::CaseReopened(_)
        | Body::CaseClosed(_)
        | Body::DeadlineExpired(_)
        | Body::PrivatePartRead(_)
        | Body::PrivatePartErased(_)
        | Body::CaseClassified(_)
        | Body::CaseTransferred(_)
        | Body::CaseClaimed(_)
        | Body::PartAssigned(_)
        | Body::PartAnswered(_)
        | Body::PartWaived(_)
        | Body::ExtensionRequested(_)
        | Body::ExtensionGranted(_)
        | Body::ExtensionRefused(_)
        | Body::DeadlineNear(_)
        | Body::CaseUrged(_)
        | Body::CaseSupervised(_)
        | Body::CriticismCirculated(_)
        | Body::CaseMerged(_)
        | Body::CaseAbsorbed(_)
        | Body::CaseUnmerged(_)
        | Body::CaseSplitOff(_)
        | Body::CaseWithdrawn(_)
        | Body::ClocksRecomputed(_) => news.standings.push(told(event)?),
        Body::RequestRefused(refused) => {
            let request: EventId =
                refused.request_event_id.parse().map_err(|error| format!("request_event_id {error}"))?;
            news.refusals.push((request, without_nul(&refused.message)));
        }
        // Intake's own.
        Body::CaseSubmitted(_)
        | Body::RatingRequested(_)
        | Body::PrivateReadRequested(_)
        | Body::ErasureRequested(_)
        | Body::WithdrawalRequested(_) => {}
    }
    Ok(())
}

fn decline(declined: &CaseDeclined) -> Result<Decline, String> {
    let ground = match DeclineGround::try_from(declined.ground) {
        Ok(DeclineGround::Unspecified) | Err(_) => {
            return Err(format!("ground {} is unknown", declined.ground));
        }
        Ok(ground) => ground,
    };
    Ok(Decline { ground, explanation: without_nul(&declined.explanation) })
}

/// What every event says of its case.
fn told(event: &Event) -> Result<Told, String> {
    let case_id: CaseId = event.case_id.parse().map_err(|error| format!("case_id {error}"))?;
    let version = i64::try_from(event.case_version).map_err(|_| "case_version is out of range")?;
    if version < 2 {
        return Err(format!("case_version is {version}; 2 or more belongs to this event"));
    }
    let occurred_at =
        event.occurred_at.as_ref().and_then(timestamp_from_proto).ok_or("occurred_at is missing")?;
    let standing = event.standing.as_ref().ok_or("standing is missing")?;
    let state = match CaseState::try_from(standing.state) {
        Ok(CaseState::Unspecified) | Err(_) => return Err(format!("state {} is unknown", standing.state)),
        Ok(state) => state,
    };
    let merged_into = match standing.merged_into.as_str() {
        "" => None,
        case_id => Some(case_id.parse().map_err(|error| format!("merged_into {error}"))?),
    };
    Ok(Told {
        case_id,
        version,
        occurred_at,
        standing: Standing {
            state,
            holder_office: without_nul(&standing.holder_office),
            responsible_unit: without_nul(&standing.responsible_unit),
            deadline_at: (standing.deadline_at_us != 0).then(|| from_micros(standing.deadline_at_us)),
            overdue: standing.overdue,
            merged_into,
        },
        reply: None,
        decline: None,
    })
}

/// PostgreSQL keeps no NUL in a text; one in a reply must not keep the case's standing from being known.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{self as events, CaseAssigned, RequestRefused};

    use super::*;

    fn assigned() -> Event {
        Event {
            event_id: EventId::new_v7().to_string(),
            case_id: CaseId::new_v7().to_string(),
            case_version: 3,
            occurred_at: Some(huying_platform::status::timestamp_to_proto(from_micros(7))),
            standing: Some(events::Standing {
                state: CaseState::Assigned.into(),
                holder_office: "150802-office".into(),
                responsible_unit: "150802-housing".into(),
                deadline_at_us: 99,
                ..events::Standing::default()
            }),
            body: Some(Body::CaseAssigned(CaseAssigned::default())),
            ..Event::default()
        }
    }

    #[test]
    fn an_event_tells_how_its_case_stands() {
        let mut news = News::default();
        read(&assigned(), &mut news).unwrap();
        let told = &news.standings[0];
        assert_eq!((told.version, told.standing.state), (3, CaseState::Assigned));
        assert_eq!(told.standing.deadline_at, Some(from_micros(99)));
    }

    #[test]
    fn what_is_missing_makes_an_event_unusable() {
        let damages: [fn(&mut Event); 8] = [
            |event| event.body = None,
            |event| event.case_id = "c1".into(),
            |event| event.case_version = 1,
            |event| event.occurred_at = None,
            |event| event.standing = None,
            |event| event.standing.as_mut().unwrap().state = 77,
            |event| event.standing.as_mut().unwrap().merged_into = "c1".into(),
            |event| event.body = Some(Body::CaseDeclined(CaseDeclined::default())),
        ];
        for damage in damages {
            let mut event = assigned();
            damage(&mut event);
            assert!(read(&event, &mut News::default()).is_err());
        }
    }

    #[test]
    fn a_decline_and_a_merge_say_why_and_where_to() {
        let declined = CaseDeclined {
            ground: DeclineGround::OutOfScope.into(),
            explanation: "属于外市管辖。".into(),
        };
        let mut event = Event { body: Some(Body::CaseDeclined(declined)), ..assigned() };
        let primary = CaseId::new_v7();
        event.standing.as_mut().unwrap().merged_into = primary.to_string();
        let mut news = News::default();
        read(&event, &mut news).unwrap();
        let told = &news.standings[0];
        assert_eq!(told.standing.merged_into, Some(primary));
        let decline = told.decline.as_ref().unwrap();
        assert_eq!(
            (decline.ground, decline.explanation.as_str()),
            (DeclineGround::OutOfScope, "属于外市管辖。")
        );
    }

    #[test]
    fn a_refusal_names_its_request() {
        let request = EventId::new_v7();
        let event = Event {
            body: Some(Body::RequestRefused(RequestRefused {
                request_event_id: request.to_string(),
                reason: "STATE_DOES_NOT_ALLOW".into(),
                message: "the case is closed".into(),
            })),
            ..assigned()
        };
        let mut news = News::default();
        read(&event, &mut news).unwrap();
        assert_eq!(news.refusals, [(request, "the case is closed".to_owned())]);
        assert!(news.standings.is_empty());
    }

    #[test]
    fn every_followed_name_is_an_event() {
        assert_eq!(FOLLOWED.len(), follow_cases_config().filter_subjects.len());
    }
}
