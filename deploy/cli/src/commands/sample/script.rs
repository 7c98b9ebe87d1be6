//! The file of a sample day: one JSON object a line, a message and the steps of its case.
//!
//! Guarantees that a file is read whole and without faults, or not at all, so that nothing is played of a file that has
//! a mistake in its last line.

use std::{collections::HashSet, fs, path::Path, time::Duration};

use data_encoding::HEXLOWER;
use huying_proto::{
    events::v1::Publication,
    intake::v1::{Petitioner, SubmitCaseRequest},
};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};

use crate::{failure::Failure, routing_commands::Act, words::Kind};

/// A sample day is a few hundred messages.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// Names the line; unique in the file.
    pub(super) key: String,
    kind: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    region: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    representative: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    station: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    category: String,
    title: String,
    body: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    name: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    phone: String,
    #[serde(default, deserialize_with = "null_as_empty")]
    address: String,
    publication: PublicationWord,
    /// What happens to the case.
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PublicationWord {
    Public,
    StatusOnly,
}

/// One thing that happens to a case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Step {
    Register,
    Assign {
        unit: String,
        #[serde(default)]
        reply_within_s: Option<u64>,
    },
    Delegate {
        region: String,
        reason: String,
    },
    Escalate {
        reason: String,
    },
    Accept,
    Return {
        legal_basis: String,
        proposed_unit: String,
    },
    Progress {
        text: String,
    },
    Reply {
        text: String,
    },
    Rate {
        resolved: bool,
        satisfied: bool,
        #[serde(default, deserialize_with = "null_as_empty")]
        comment: String,
        #[serde(default)]
        reopen: bool,
    },
    Close {
        #[serde(default, deserialize_with = "null_as_empty")]
        note: String,
    },
    AwaitOverdue,
}

impl Script {
    /// The submission. Its key is always the same for the same line, so that a second run submits nothing new.
    pub(super) fn submission(&self) -> Result<SubmitCaseRequest, String> {
        let Kind(kind) = self.kind.parse()?;
        let publication = match self.publication {
            PublicationWord::Public => Publication::Public,
            PublicationWord::StatusOnly => Publication::StatusOnly,
        };
        Ok(SubmitCaseRequest {
            idempotency_key: self.request_id("submit"),
            kind: kind.into(),
            region_code: self.region.clone(),
            representative_code: self.representative.clone(),
            station_code: self.station.clone(),
            category: self.category.clone(),
            title: self.title.clone(),
            body: self.body.clone(),
            petitioner: Some(Petitioner {
                name: self.name.clone(),
                phone: self.phone.clone(),
                address: self.address.clone(),
            }),
            publication: publication.into(),
        })
    }

    /// An id that is the same on every run: derived from the line's key, in the form that contracts ask for.
    pub(super) fn request_id(&self, what: &str) -> String {
        let digest = Sha256::digest(format!("{}\n{what}", self.key));
        format!("sample-{}", HEXLOWER.encode(&digest[..16]))
    }
}

impl Step {
    /// The command that this step is, unless it is the citizen's or only waits.
    pub(super) fn act(&self) -> Option<Act> {
        Some(match self.clone() {
            Self::Register => Act::Register,
            Self::Assign { unit, reply_within_s } => Act::Assign {
                unit,
                note: String::new(),
                reply_within: reply_within_s.map(Duration::from_secs),
            },
            Self::Delegate { region, reason } => Act::Delegate { region, reason },
            Self::Escalate { reason } => Act::Escalate { reason },
            Self::Accept => Act::Accept,
            Self::Return { legal_basis, proposed_unit } => Act::Return { legal_basis, proposed_unit },
            Self::Progress { text } => Act::Progress { text },
            Self::Reply { text } => Act::Reply { text },
            Self::Close { note } => Act::Close { note },
            Self::Rate { .. } | Self::AwaitOverdue => return None,
        })
    }

    /// Name of the event that shows in the history that the step was done.
    pub(super) fn event_name(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "CaseRated",
            Self::AwaitOverdue => "DeadlineExpired",
            Self::Register
            | Self::Assign { .. }
            | Self::Delegate { .. }
            | Self::Escalate { .. }
            | Self::Accept
            | Self::Return { .. }
            | Self::Progress { .. }
            | Self::Reply { .. }
            | Self::Close { .. } => self.act().map_or("", |act| act.event_name()),
        }
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<Script>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("{} cannot be read: {error}", path.display()));
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} is larger than 64 MiB", path.display())));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    parse(&text).map_err(|reason| Failure::usage(format!("{}:{reason}", path.display())))
}

/// All lines, or the number of the first wrong one and what is wrong with it.
fn parse(text: &str) -> Result<Vec<Script>, String> {
    let mut scripts = Vec::new();
    let mut keys = HashSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let script: Script = serde_json::from_str(line).map_err(|error| format!("{number}: {error}"))?;
        script.submission().map_err(|reason| format!("{number}: {reason}"))?;
        if !keys.insert(script.key.clone()) {
            return Err(format!("{number}: the key \"{}\" is there already", script.key));
        }
        scripts.push(script);
    }
    Ok(scripts)
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"key":"k1","kind":"message","region":"150802001","representative":null,"station":null,"category":null,"title":"t","body":"b","name":"","phone":"","address":"","publication":"status_only","steps":[{"do":"register"},{"do":"assign","unit":"150802001-housing","reply_within_s":2},{"do":"rate","resolved":false,"satisfied":false,"comment":"c","reopen":true},{"do":"await_overdue"}]}"#;

    #[test]
    fn a_line_is_a_submission_and_its_steps() {
        let scripts = parse(&format!("{LINE}\n\n")).unwrap();
        let submission = scripts[0].submission().unwrap();
        assert_eq!(submission.publication, i32::from(Publication::StatusOnly));
        assert_eq!(submission.representative_code, "");
        assert!((16..=128).contains(&submission.idempotency_key.len()));
        assert_eq!(submission.idempotency_key, scripts[0].submission().unwrap().idempotency_key);
        assert_ne!(submission.idempotency_key, scripts[0].request_id("1"));
        let assign = Act::Assign {
            unit: "150802001-housing".into(),
            note: String::new(),
            reply_within: Some(Duration::from_secs(2)),
        };
        assert_eq!(scripts[0].steps[1].act(), Some(assign));
        assert_eq!(scripts[0].steps[2].event_name(), "CaseRated");
        assert_eq!(scripts[0].steps[3].act(), None);
    }

    #[test]
    fn a_faulty_line_is_named_and_nothing_is_read() {
        assert!(parse(&format!("{LINE}\n{LINE}")).unwrap_err().starts_with("2: the key"));
        assert!(
            parse(&LINE.replace("\"message\"", "\"massage\""))
                .unwrap_err()
                .starts_with("1: there is no kind")
        );
        assert!(parse(&LINE.replace("await_overdue", "await_sunrise")).is_err());
        assert!(parse(&LINE.replace("\"title\"", "\"tilte\"")).is_err());
    }
}
