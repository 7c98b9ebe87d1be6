//! Names of subjects and streams.
//!
//! `<namespace>.case.<municipal>.<district>.<township>.<event>.<case_id>` and `<namespace>.directory.<revision>`.
//! The namespace is `huying` unless set otherwise; several installations or tests can share one NATS by it.
//! Code outside this module handles subjects without their namespace.

use huying_proto::events::v1::{Event, RegionPath, event::Body};

/// The stream of case events.
pub const CASES: &str = "CASES";
/// The stream of reference data.
pub const DIRECTORY: &str = "DIRECTORY";

/// Separates installations that share one NATS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

impl Namespace {
    /// A namespace; 1 to 32 of a-z, 0-9, "_" and "-".
    ///
    /// # Errors
    /// When the name is out of these bounds.
    pub fn new(name: &str) -> Result<Self, String> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if (1..=32).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.to_owned()))
        } else {
            Err(format!("\"{name}\" is not a namespace; 1 to 32 of a-z, 0-9, _ and - would be"))
        }
    }

    /// A subject of this namespace.
    #[must_use]
    pub fn subject(&self, rest: &str) -> String {
        format!("{}.{rest}", self.0)
    }

    /// The name of a stream in this namespace.
    #[must_use]
    pub fn stream(&self, stream: &str) -> String {
        if self.0 == "huying" { stream.to_owned() } else { format!("{stream}-{}", self.0) }
    }
}

/// The name of an event's body, as in its subject and CloudEvents type; None when the body is not set.
#[must_use]
pub fn event_name(event: &Event) -> Option<&'static str> {
    event.body.as_ref().map(body_name)
}

/// The name of an event's body, as in its subject and CloudEvents type.
#[must_use]
pub fn body_name(body: &Body) -> &'static str {
    match body {
        Body::CaseSubmitted(_) => "CaseSubmitted",
        Body::CaseQueued(_) => "CaseQueued",
        Body::CaseRegistered(_) => "CaseRegistered",
        Body::CaseAssigned(_) => "CaseAssigned",
        Body::CaseDelegated(_) => "CaseDelegated",
        Body::CaseEscalated(_) => "CaseEscalated",
        Body::CaseAccepted(_) => "CaseAccepted",
        Body::CaseReturned(_) => "CaseReturned",
        Body::ProgressReported(_) => "ProgressReported",
        Body::CaseReplied(_) => "CaseReplied",
        Body::CaseRated(_) => "CaseRated",
        Body::CaseReopened(_) => "CaseReopened",
        Body::CaseClosed(_) => "CaseClosed",
        Body::DeadlineExpired(_) => "DeadlineExpired",
        Body::PrivatePartRead(_) => "PrivatePartRead",
        Body::PrivatePartErased(_) => "PrivatePartErased",
        Body::CaseDeclined(_) => "CaseDeclined",
        Body::CaseClassified(_) => "CaseClassified",
        Body::CaseTransferred(_) => "CaseTransferred",
        Body::CaseClaimed(_) => "CaseClaimed",
        Body::PartAssigned(_) => "PartAssigned",
        Body::PartAnswered(_) => "PartAnswered",
        Body::PartWaived(_) => "PartWaived",
        Body::ExtensionRequested(_) => "ExtensionRequested",
        Body::ExtensionGranted(_) => "ExtensionGranted",
        Body::ExtensionRefused(_) => "ExtensionRefused",
        Body::DeadlineNear(_) => "DeadlineNear",
        Body::CaseUrged(_) => "CaseUrged",
        Body::CaseSupervised(_) => "CaseSupervised",
        Body::CriticismCirculated(_) => "CriticismCirculated",
        Body::CaseMerged(_) => "CaseMerged",
        Body::CaseAbsorbed(_) => "CaseAbsorbed",
        Body::CaseUnmerged(_) => "CaseUnmerged",
        Body::CaseSplitOff(_) => "CaseSplitOff",
        Body::CaseWithdrawn(_) => "CaseWithdrawn",
        Body::ClocksRecomputed(_) => "ClocksRecomputed",
        Body::RatingRequested(_) => "RatingRequested",
        Body::PrivateReadRequested(_) => "PrivateReadRequested",
        Body::ErasureRequested(_) => "ErasureRequested",
        Body::RequestRefused(_) => "RequestRefused",
        Body::WithdrawalRequested(_) => "WithdrawalRequested",
    }
}

/// The subject of a case event.
#[must_use]
pub fn case_event(event: &Event) -> String {
    let region = event.header.as_ref().and_then(|header| header.region.as_ref());
    let tier = |pick: fn(&RegionPath) -> &String| {
        region.map(pick).filter(|code| !code.is_empty()).map_or("_", |code| code.as_str())
    };
    format!(
        "case.{}.{}.{}.{}.{}",
        tier(|path| &path.municipal),
        tier(|path| &path.district),
        tier(|path| &path.township),
        event_name(event).unwrap_or("_"),
        event.case_id
    )
}

/// Filters for the named events of all cases.
#[must_use]
pub fn case_events(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("case.*.*.*.{name}.*")).collect()
}

/// Filter for every event of every case.
#[must_use]
pub fn all_case_events() -> Vec<String> {
    vec!["case.>".to_owned()]
}

/// Filter for reference data.
#[must_use]
pub fn directory_changes() -> Vec<String> {
    vec!["directory.>".to_owned()]
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{CaseHeader, CaseSubmitted};

    use super::*;

    #[test]
    fn the_tiers_are_visible_on_the_subject() {
        let event = Event {
            case_id: "c1".into(),
            header: Some(CaseHeader {
                region: Some(RegionPath {
                    municipal: "150800".into(),
                    district: "150802".into(),
                    township: String::new(),
                }),
                ..CaseHeader::default()
            }),
            body: Some(Body::CaseSubmitted(CaseSubmitted::default())),
            ..Event::default()
        };
        assert_eq!(case_event(&event), "case.150800.150802._.CaseSubmitted.c1");
    }

    #[test]
    fn a_namespace_keeps_installations_apart() {
        assert_eq!(Namespace::new("huying").unwrap().stream(CASES), "CASES");
        assert_eq!(Namespace::new("t1").unwrap().stream(CASES), "CASES-t1");
        assert!(Namespace::new("a.b").is_err());
    }
}
