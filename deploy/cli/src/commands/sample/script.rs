//! The file of a sample day: one JSON object a line, a message and the steps of its case.
//!
//! Guarantees that a file is read whole and without faults, or not at all, so that nothing is played of a file that has
//! a mistake in its last line.

use std::{collections::HashSet, fs, path::Path};

use data_encoding::HEXLOWER;
use huying_proto::{
    events::v1::Publication,
    intake::v1::{Petitioner, SubmitCaseRequest},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::{acts::Act, failure::Failure, words::Kind};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) doing: Doing,
    /// Code of whoever acts, where it is not whose act it usually is.
    pub(super) acting_as: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doing {
    /// A command at routing.
    Act(Act),
    /// What commands at routing are not.
    Other(Other),
}

/// What the citizen does at intake, and what concerns other lines or the clock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Other {
    Rate {
        resolved: bool,
        satisfied: bool,
        #[serde(default, deserialize_with = "null_as_empty")]
        comment: String,
        #[serde(default)]
        reopen: bool,
    },
    Withdraw {
        #[serde(default, deserialize_with = "null_as_empty")]
        reason: String,
    },
    /// The case of the line with this key goes on as part of this one.
    Absorb {
        key: String,
        reason: String,
    },
    AwaitOverdue {},
}

impl Other {
    const WORDS: [&'static str; 4] = ["rate", "withdraw", "absorb", "await_overdue"];
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::<String, Value>::deserialize(deserializer)?;
        let acting_as =
            fields.remove("as").map(serde_json::from_value).transpose().map_err(D::Error::custom)?;
        let is_other =
            fields.get("do").and_then(Value::as_str).is_some_and(|word| Other::WORDS.contains(&word));
        let fields = Value::Object(fields);
        let doing = if is_other {
            serde_json::from_value(fields).map(Doing::Other)
        } else {
            serde_json::from_value(fields).map(Doing::Act)
        };
        Ok(Self { doing: doing.map_err(D::Error::custom)?, acting_as })
    }
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
            pictures: Vec::new(),
        })
    }

    /// An id that is the same on every run: derived from the line's key, in the form that contracts ask for.
    pub(super) fn request_id(&self, what: &str) -> String {
        let digest = Sha256::digest(format!("{}\n{what}", self.key));
        format!("sample-{}", HEXLOWER.encode(&digest[..16]))
    }
}

impl Step {
    /// Name of the event that shows in the history that the step was done.
    pub(super) fn event_name(&self) -> &'static str {
        match &self.doing {
            Doing::Act(act) => act.event_name(),
            Doing::Other(Other::Rate { .. }) => "CaseRated",
            Doing::Other(Other::Withdraw { .. }) => "CaseWithdrawn",
            Doing::Other(Other::Absorb { .. }) => "CaseAbsorbed",
            Doing::Other(Other::AwaitOverdue {}) => "DeadlineExpired",
        }
    }

    /// Whether it is waited for rather than done.
    pub(super) fn comes_by_itself(&self) -> bool {
        self.doing == Doing::Other(Other::AwaitOverdue {})
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
    for (number, script) in (1..).zip(&scripts) {
        check_absorbed(script, &keys).map_err(|reason| format!("message {number}: {reason}"))?;
    }
    Ok(scripts)
}

/// Checks that the lines whose cases a case absorbs are there, and none of them is its own.
fn check_absorbed(script: &Script, keys: &HashSet<String>) -> Result<(), String> {
    for step in &script.steps {
        if let Doing::Other(Other::Absorb { key, .. }) = &step.doing
            && (*key == script.key || !keys.contains(key))
        {
            return Err(format!(
                "{} cannot absorb \"{key}\"; the key of another line would be right",
                script.key
            ));
        }
    }
    Ok(())
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LINE: &str = r#"{"key":"k1","kind":"message","region":"150802001","representative":null,"station":null,"category":null,"title":"t","body":"b","name":"","phone":"","address":"","publication":"status_only","steps":[{"do":"register"},{"do":"assign","unit":"150802001-housing","reply_within_s":2},{"do":"rate","resolved":false,"satisfied":false,"comment":"c","reopen":true},{"do":"await_overdue"},{"do":"urge","text":"u","as":"r-150802001-003"}]}"#;

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
            parts: Vec::new(),
        };
        let steps = &scripts[0].steps;
        assert_eq!(steps[1].doing, Doing::Act(assign));
        assert_eq!(steps[2].event_name(), "CaseRated");
        assert!(steps[3].comes_by_itself());
        assert_eq!(steps[4].acting_as.as_deref(), Some("r-150802001-003"));
        assert_eq!(steps[4].event_name(), "CaseUrged");
    }

    #[test]
    fn a_faulty_line_is_named_and_nothing_is_read() {
        assert!(parse(&format!("{LINE}\n{LINE}")).unwrap_err().starts_with("2: the key"));
        assert!(
            parse(&LINE.replace("\"message\"", "\"massage\""))
                .unwrap_err()
                .starts_with("1: there is no kind")
        );
        assert!(
            parse(&LINE.replace("await_overdue", "await_sunrise")).unwrap_err().contains("await_sunrise")
        );
        let absorbing = LINE.replace(r#"{"do":"register"}"#, r#"{"do":"absorb","key":"k2","reason":"r"}"#);
        assert!(parse(&absorbing).unwrap_err().contains("k1 cannot absorb \"k2\""));
        assert!(parse(&format!("{absorbing}\n{}", LINE.replace("k1", "k2"))).is_ok());
        assert!(parse(&LINE.replace("\"title\"", "\"tilte\"")).is_err());
    }

    #[test]
    fn the_sample_day_has_no_fault() {
        let day = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/day.jsonl");
        assert_eq!(read(&day).unwrap().len(), 157);
    }
}
