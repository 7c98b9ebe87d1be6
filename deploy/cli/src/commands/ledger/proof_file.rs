//! `huying ledger verify FILE`: a proof that was kept, without any connection.

use std::{fs::File, io::Read as _, path::Path};

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::keys::{KeySource, given_keys, witness_keys};
use crate::{
    commands::text_argument,
    context::Context,
    failure::Failure,
    shapes::time_json,
    text,
    verify::{
        keys::VerifierKey,
        leaf::{self, Leaf},
        note::{Checkpoint, Note},
        proof_file::{FILE_BYTES_MAX, ProofFile},
    },
    words,
};

/// Proves the leaf of a file and says what it says. `text` is a file with a text, and the hex of its salt.
///
/// # Errors
/// When the file cannot be read, or does not prove true.
pub(in crate::commands) fn verify(
    context: &Context,
    path: &Path,
    vkey: Option<&str>,
    witnesses: &[String],
    text: Option<(&Path, &str)>,
) -> Result<(), Failure> {
    let named = path.display().to_string();
    let (keys, key_source) = given_keys(context, vkey)?.ok_or_else(|| {
        Failure::usage("a proof is verified with the key of its log, which is not known")
            .with_hint("give --vkey or HUYING_LEDGER_VKEY, from somewhere else than the proof itself")
    })?;
    let witnesses = witness_keys(witnesses)?;
    let read = read_file(path)?;
    let unverified = |reason: String| Failure::unverified(reason).during(&named);
    let file = ProofFile::parse(&read).map_err(unverified)?;
    let checkpoint = file.prove(&keys).map_err(unverified)?;
    let cosigned = cosignatures(&file, &witnesses).map_err(unverified)?;
    let leaf = leaf::parse(&file.leaf).map_err(unverified)?;
    let committed = match text {
        None => None,
        Some((path, salt)) => Some(find_text(&leaf, path, salt)?.to_owned()),
    };
    let proved = Proved {
        index: file.index,
        json: &file.leaf,
        leaf: &leaf,
        checkpoint,
        key_source,
        cosigned,
        committed,
    };
    context.output.result(|| proved.for_people(), || proved.to_json(&named))
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let unreadable = |error| Failure::usage(format!("{} cannot be read: {error}", path.display()));
    let mut text = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text))
        .map_err(unreadable)?;
    if read > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} is larger than any proof", path.display())));
    }
    Ok(text)
}

/// When each witness cosigned the checkpoint, which every one of them must have.
fn cosignatures(file: &ProofFile<'_>, witnesses: &[VerifierKey]) -> Result<Vec<(String, Timestamp)>, String> {
    let note = Note::parse(file.checkpoint)?;
    let cosigned = |witness: &VerifierKey| match note.cosigned_at(witness, Timestamp::now())? {
        Some(at) => Ok((witness.name.clone(), at)),
        None => Err(format!("{} has not cosigned the checkpoint", witness.to_text())),
    };
    witnesses.iter().map(cosigned).collect()
}

/// The name under which the leaf commits to the text of a file, with or without the line break at its end.
fn find_text<'a>(leaf: &'a Leaf, path: &Path, salt: &str) -> Result<&'a str, Failure> {
    let salt = HEXLOWER_PERMISSIVE.decode(salt.trim().as_bytes()).ok().filter(|salt| salt.len() == 32);
    let salt = salt.ok_or_else(|| Failure::usage("the salt is not hex of 32 bytes"))?;
    let text = text_argument(None, Some(path))?;
    let found =
        leaf::find_text(leaf, &text, &salt).or_else(|| leaf::find_text(leaf, &format!("{text}\n"), &salt));
    found.ok_or_else(|| {
        let names: Vec<&str> = leaf.commitments.keys().map(String::as_str).collect();
        let committed = if names.is_empty() { "no text".to_owned() } else { names.join(", ") };
        Failure::unverified(format!("{} is none of the texts that the leaf commits to", path.display()))
            .with_hint(format!("the leaf commits to {committed}"))
    })
}

struct Proved<'a> {
    index: u64,
    json: &'a str,
    leaf: &'a Leaf,
    checkpoint: Checkpoint,
    key_source: KeySource,
    cosigned: Vec<(String, Timestamp)>,
    /// Name of the text that was given.
    committed: Option<String>,
}

impl Proved<'_> {
    fn for_people(&self) -> String {
        let Leaf {
            case_id,
            case_version,
            event_type,
            occurred_at,
            actor_role,
            actor_code,
            region,
            commitments,
        } = self.leaf;
        let Checkpoint { origin, size, root } = &self.checkpoint;
        let meaning = words::event(event_type);
        let event = if meaning.is_empty() { event_type.clone() } else { format!("{meaning} ({event_type})") };
        let cosigned: Vec<String> =
            self.cosigned.iter().map(|(name, at)| format!("{name} at {}", text::moment(Some(*at)))).collect();
        let names: Vec<&str> = commitments.keys().map(String::as_str).collect();
        text::facts(&[
            ("proved", event),
            ("case", case_id.clone()),
            ("version", case_version.to_string()),
            ("time", text::moment(Some(*occurred_at))),
            ("region", region.clone()),
            (
                "by",
                if actor_code.is_empty() { actor_role.clone() } else { format!("{actor_role} {actor_code}") },
            ),
            ("commits to", names.join(", ")),
            (
                "text",
                self.committed
                    .as_ref()
                    .map(|name| format!("is the \"{name}\" it commits to"))
                    .unwrap_or_default(),
            ),
            ("leaf", format!("{} of {size} in the log {origin}", self.index)),
            ("root", BASE64.encode(root)),
            ("key", format!("from {}", self.key_source.word())),
            ("cosigned", cosigned.join(", ")),
        ])
    }

    fn to_json(&self, file: &str) -> Value {
        let leaf = self.leaf;
        let cosigned: Vec<Value> = self
            .cosigned
            .iter()
            .map(|(name, at)| json!({ "name": name, "cosigned_at": time_json(Some(*at)) }))
            .collect();
        json!({
            "proved": true,
            "file": file,
            "event_type": leaf.event_type,
            "case_id": leaf.case_id,
            "case_version": leaf.case_version,
            "occurred_at": time_json(Some(leaf.occurred_at)),
            "region": leaf.region,
            "leaf_index": self.index,
            "leaf": self.json,
            "origin": self.checkpoint.origin,
            "tree_size": self.checkpoint.size,
            "root": BASE64.encode(&self.checkpoint.root),
            "key_source": self.key_source.word(),
            "witnesses": cosigned,
            "text": self.committed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::Service,
        failure::Exit,
        verify::{
            note::tests::{cosigned, verifier_key, witness_key},
            proof_file::tests::proof_of,
        },
    };
    use data_encoding::HEXLOWER;
    use std::{fs, path::PathBuf};

    const SALT: [u8; 32] = [5; 32];

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("huying-proof-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn leaf_json(text: &str) -> String {
        let commitment = HEXLOWER.encode(&leaf::commitment(&SALT, text));
        format!(
            r#"{{"actor":{{"code":"","role":"citizen"}},"case_id":"c","case_version":1,"commitments":{{"body":"{commitment}"}},"occurred_at":"2026-03-01T02:01:00.000000Z","region":{{"district":"150802","municipal":"150800","township":""}},"type":"CaseSubmitted"}}"#
        )
    }

    fn context() -> Context {
        Context::of(
            Service::Ledger,
            "http://127.0.0.1:1",
            &[("HUYING_LEDGER_VKEY", &verifier_key().to_text())],
        )
    }

    fn proof() -> String {
        let leaf = leaf_json("暖气不热");
        proof_of(1, &["{}", &leaf, "[]"])
    }

    #[test]
    fn a_receipt_is_proved_and_its_text_is_found() {
        let folder = Folder::new("good");
        let file = folder.write("receipt.tlog-proof", &proof());
        verify(&context(), &file, None, &[], None).unwrap();
        let key = folder.write("vkey", &verifier_key().to_text());
        let text = folder.write("body.txt", "暖气不热\n");
        let salt = HEXLOWER.encode(&SALT);
        verify(&context(), &file, Some(key.to_str().unwrap()), &[], Some((&text, &salt))).unwrap();
        let other = folder.write("other.txt", "暖气很热");
        let failure = verify(&context(), &file, None, &[], Some((&other, &salt))).unwrap_err();
        assert_eq!(failure.exit(), Exit::VerificationFailed);
        assert!(failure.for_people().contains("commits to body"));
        let failure = verify(&context(), &file, None, &[], Some((&text, "00"))).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
    }

    #[test]
    fn a_changed_receipt_is_not_proved() {
        let folder = Folder::new("changed");
        for (part, other) in [("index 1", "index 0"), ("\n3\n", "\n4\n"), ("extra ", "extra e30x")] {
            let changed = proof().replacen(part, other, 1);
            assert_ne!(changed, proof());
            let file = folder.write("changed.tlog-proof", &changed);
            let failure = verify(&context(), &file, None, &[], None).unwrap_err();
            assert_eq!(failure.exit(), Exit::VerificationFailed, "{part}");
        }
        let leaf = leaf_json("x").replace("\"case_id\"", "\"case_id\" ");
        let file = folder.write("not-canonical.tlog-proof", &proof_of(0, &[&leaf]));
        let failure = verify(&context(), &file, None, &[], None).unwrap_err();
        assert!(failure.for_people().contains("canonical"));
    }

    #[test]
    fn a_witness_that_is_demanded_must_have_cosigned() {
        let folder = Folder::new("witness");
        let witness = witness_key("w.example").to_text();
        let head = proof();
        let (head, note) = head.split_once("\n\n").unwrap();
        let file = folder
            .write("a.tlog-proof", &format!("{head}\n\n{}", cosigned(note, "w.example", 1_700_000_000)));
        verify(&context(), &file, None, std::slice::from_ref(&witness), None).unwrap();
        let file = folder.write("b.tlog-proof", &proof());
        let failure = verify(&context(), &file, None, &[witness], None).unwrap_err();
        assert!(failure.for_people().contains("has not cosigned"));
        assert_eq!(failure.exit(), Exit::VerificationFailed);
    }

    #[test]
    fn what_cannot_be_verified_at_all_is_no_finding() {
        let folder = Folder::new("usage");
        let file = folder.write("receipt.tlog-proof", &proof());
        let keyless = Context::of(Service::Ledger, "http://127.0.0.1:1", &[]);
        assert_eq!(verify(&keyless, &file, None, &[], None).unwrap_err().exit(), Exit::Usage);
        let missing = folder.0.join("missing.tlog-proof");
        assert_eq!(verify(&context(), &missing, None, &[], None).unwrap_err().exit(), Exit::Usage);
        let huge = folder.write("huge.tlog-proof", &"x".repeat(FILE_BYTES_MAX + 1));
        assert_eq!(verify(&context(), &huge, None, &[], None).unwrap_err().exit(), Exit::Usage);
    }
}
