//! The keys of a log, and how they change.
//!
//! A log may have several keys at once, and each signs every checkpoint. So a key is changed without a seam: a new one
//! is added beside the old, whoever verifies moves over in their own time, and then the old one is retired.
//!
//! Guaranteed: a key joins only beside one that is in force, so that whoever trusts the one has its word for the other;
//! a key is retired only where the key file says so, never by being left out; a retired key never signs again; and
//! nobody leads with a key file that lacks a key in force, so that every checkpoint has the signatures of all of them.

use super::note::{NoteError, Signer, Verifier};

/// Keys that may sign at once. With the witnesses ([`super::witness::WITNESSES_MAX`]) they are the 16 signatures that
/// every verifier of signed notes accepts.
pub const KEYS_MAX: usize = 4;

const RETIRED: &str = "retired ";

/// The keys of a key file.
#[derive(Debug, Clone)]
pub struct Keyring {
    /// Those that sign, foremost first: 1 to [`KEYS_MAX`], all of one name.
    pub signers: Vec<Signer>,
    /// Verifier keys of those that sign no longer.
    pub retired: Vec<String>,
}

/// What is wrong with a key file. Never says what a private key is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// A line is no key.
    #[error(
        "line {line} is neither a private key (PRIVATE+KEY+…), as `huying keys ledger` writes it, nor `retired` and a \
         verifier key"
    )]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What it lacks.
        #[source]
        source: NoteError,
    },
    /// A key of another log.
    #[error("line {line} is the key of {name}, and the log is {origin}; both must be the same")]
    OtherName {
        /// Number of the line, from 1.
        line: usize,
        /// Name of the key.
        name: String,
        /// Name of the log.
        origin: String,
    },
    /// A key stands there twice.
    #[error("line {line} repeats {verifier_key}; a key signs or is retired, and one line says so")]
    Twice {
        /// Number of the line, from 1.
        line: usize,
        /// The key.
        verifier_key: String,
    },
    /// Nothing signs.
    #[error("it has no private key; one at least must sign")]
    Empty,
    /// More keys sign than verifiers accept.
    #[error("it has more than {KEYS_MAX} private keys; retire those that nobody needs any more")]
    TooMany,
}

impl Keyring {
    /// The one key of a log that never changed it.
    pub fn of(signer: Signer) -> Self {
        Self { signers: vec![signer], retired: Vec::new() }
    }

    /// What this file says of a key that the log has or had.
    pub fn standing(&self, key: &LogKey) -> Standing {
        if self.retired.contains(&key.verifier_key) {
            return Standing::Retired;
        }
        let signs = self.signers.iter().any(|signer| signer.verifier_key() == key.verifier_key);
        match (signs, key.stopped_at) {
            (true, None) => Standing::InForce,
            (true, Some(_)) => Standing::Retired,
            (false, _) => Standing::Unknown,
        }
    }

    /// Reads a key file: private keys, the first signs foremost, and lines `retired <verifier key>`. Empty lines and
    /// those that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub fn parse(text: &str, origin: &str) -> Result<Self, KeyringError> {
        let mut keyring = Self { signers: Vec::new(), retired: Vec::new() };
        let mut seen = Vec::new();
        for (line, text) in text.lines().map(str::trim).enumerate().map(|(index, text)| (index + 1, text)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let unreadable = |source| KeyringError::Line { line, source };
            let (name, verifier_key) = if let Some(key) = text.strip_prefix(RETIRED) {
                let key = Verifier::parse(key).map_err(unreadable)?;
                keyring.retired.push(key.verifier_key());
                (key.name().to_owned(), key.verifier_key())
            } else {
                let signer = Signer::parse(text).map_err(unreadable)?;
                let named = (signer.name().to_owned(), signer.verifier_key());
                keyring.signers.push(signer);
                named
            };
            if name != origin {
                return Err(KeyringError::OtherName { line, name, origin: origin.to_owned() });
            }
            if seen.contains(&verifier_key) {
                return Err(KeyringError::Twice { line, verifier_key });
            }
            seen.push(verifier_key);
        }
        match keyring.signers.len() {
            0 => Err(KeyringError::Empty),
            1..=KEYS_MAX => Ok(keyring),
            _ => Err(KeyringError::TooMany),
        }
    }
}

/// A key that the log has or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// `<name>+<hex key id>+<base64(0x01 || public key)>`.
    pub verifier_key: String,
    /// Leaves in the first tree whose checkpoint it signed.
    pub signs_from: u64,
    /// Leaves in the last tree whose checkpoint it may have signed; `None` while it is in force.
    pub stopped_at: Option<u64>,
}

/// What a key file says of a key that the database has. The database alone says nothing: whoever can write there could
/// make any key one of the log, and sign another log with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its private key is in the file, and it was not retired.
    InForce,
    /// The file retires it, or has its private key although another file has retired it.
    Retired,
    /// The file does not have it.
    Unknown,
}

/// What a key file means for a log.
#[derive(Debug, Clone, Default)]
pub struct KeyChange {
    /// Those that sign from now on, foremost first.
    pub signers: Vec<Signer>,
    /// Verifier keys among them that the log did not have.
    pub joining: Vec<String>,
    /// Verifier keys that sign no longer from now on.
    pub retiring: Vec<String>,
    /// Verifier keys of private keys in the file that were retired before: they do not sign.
    pub passed_over: Vec<String>,
}

/// Why a key file does not fit the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// None of the private keys is in force.
    #[error(
        "the log is signed with {}, and the key file has the private key of none of them. A new key joins only beside \
         one that the log has: put both into the file, let the log sign with both, and retire the old one when all who \
         verify know the new one",
        in_force.join(" and ")
    )]
    NoneInForce {
        /// Verifier keys in force.
        in_force: Vec<String>,
    },
    /// A key in force is neither in the file nor retired by it.
    #[error(
        "the log is also signed with {}, of which the key file says nothing. Put its private key into the file or, to \
         have it sign no longer, the line `retired {}`",
        missing.join(" and "),
        missing.first().map_or("", String::as_str)
    )]
    Missing {
        /// Verifier keys in force that the file lacks.
        missing: Vec<String>,
    },
    /// A key is retired that never was one.
    #[error("the key file retires {0}, which never was a key of the log; remove the line")]
    NeverWas(String),
}

/// What changes when a log with these keys is led with this key file. A log without keys is founded with those of the
/// file.
///
/// # Errors
/// [`KeyRefusal`]; then the log must not be led with this file.
pub fn change_keys(known: &[LogKey], file: &Keyring) -> Result<KeyChange, KeyRefusal> {
    let in_force = |key: &LogKey| key.stopped_at.is_none();
    let mut change = KeyChange::default();
    for signer in &file.signers {
        let verifier_key = signer.verifier_key();
        match known.iter().find(|key| key.verifier_key == verifier_key) {
            Some(key) if !in_force(key) => {
                change.passed_over.push(verifier_key);
                continue;
            }
            Some(_) => {}
            None => change.joining.push(verifier_key),
        }
        change.signers.push(signer.clone());
    }
    for verifier_key in &file.retired {
        match known.iter().find(|key| key.verifier_key == *verifier_key) {
            None => return Err(KeyRefusal::NeverWas(verifier_key.clone())),
            Some(key) if in_force(key) => change.retiring.push(verifier_key.clone()),
            Some(_) => {}
        }
    }
    if !known.is_empty() && change.signers.len() == change.joining.len() {
        let in_force = known.iter().filter(|key| in_force(key)).map(|key| key.verifier_key.clone());
        return Err(KeyRefusal::NoneInForce { in_force: in_force.collect() });
    }
    let accounted_for = |key: &LogKey| {
        change.retiring.contains(&key.verifier_key)
            || change.signers.iter().any(|signer| signer.verifier_key() == key.verifier_key)
    };
    let missing: Vec<_> = known
        .iter()
        .filter(|key| in_force(key) && !accounted_for(key))
        .map(|key| key.verifier_key.clone())
        .collect();
    if !missing.is_empty() {
        return Err(KeyRefusal::Missing { missing });
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "ledger.example.cn/150800";

    fn signer(seed: u8) -> Signer {
        Signer::from_seed(ORIGIN, &[seed; 32]).unwrap()
    }

    fn vkey(seed: u8) -> String {
        signer(seed).verifier_key()
    }

    fn vkeys(signers: &[Signer]) -> Vec<String> {
        signers.iter().map(Signer::verifier_key).collect()
    }

    fn keyring(signing: &[u8], retired: &[u8]) -> Keyring {
        Keyring {
            signers: signing.iter().copied().map(signer).collect(),
            retired: retired.iter().copied().map(vkey).collect(),
        }
    }

    /// Keys in force, and keys that were retired.
    fn known(in_force: &[u8], retired: &[u8]) -> Vec<LogKey> {
        let key = |seed: &u8, stopped_at| LogKey { verifier_key: vkey(*seed), signs_from: 0, stopped_at };
        let in_force = in_force.iter().map(|seed| key(seed, None));
        in_force.chain(retired.iter().map(|seed| key(seed, Some(7)))).collect()
    }

    #[test]
    fn a_log_is_founded_with_all_keys_of_the_file() {
        let change = change_keys(&[], &keyring(&[2, 1], &[])).unwrap();
        assert_eq!(vkeys(&change.signers), [vkey(2), vkey(1)]);
        assert_eq!(change.joining, [vkey(2), vkey(1)]);
    }

    #[test]
    fn a_key_is_changed_by_adding_the_new_one_and_then_retiring_the_old_one() {
        let both = change_keys(&known(&[1], &[]), &keyring(&[2, 1], &[])).unwrap();
        assert_eq!(vkeys(&both.signers), [vkey(2), vkey(1)]);
        assert_eq!((both.joining, both.retiring), (vec![vkey(2)], vec![]));
        let one = change_keys(&known(&[1, 2], &[]), &keyring(&[2], &[1])).unwrap();
        assert_eq!(vkeys(&one.signers), [vkey(2)]);
        assert_eq!((one.joining, one.retiring), (vec![], vec![vkey(1)]));
        let after = change_keys(&known(&[2], &[1]), &keyring(&[2], &[1])).unwrap();
        assert_eq!((vkeys(&after.signers), after.retiring), (vec![vkey(2)], vec![]));
    }

    #[test]
    fn a_key_that_the_log_never_had_does_not_come_alone() {
        for file in [keyring(&[2], &[]), keyring(&[2], &[1]), keyring(&[2, 3], &[])] {
            let refusal = change_keys(&known(&[1], &[]), &file).unwrap_err();
            assert_eq!(refusal, KeyRefusal::NoneInForce { in_force: vec![vkey(1)] });
            assert!(refusal.to_string().contains("put both into the file"), "{refusal}");
        }
    }

    #[test]
    fn a_key_is_not_retired_by_being_left_out() {
        let refusal = change_keys(&known(&[1, 2], &[]), &keyring(&[2], &[])).unwrap_err();
        assert_eq!(refusal, KeyRefusal::Missing { missing: vec![vkey(1)] });
        assert!(refusal.to_string().contains(&format!("`retired {}`", vkey(1))), "{refusal}");
        assert!(change_keys(&known(&[1, 2], &[]), &keyring(&[1], &[])).is_err());
    }

    #[test]
    fn a_retired_key_does_not_come_back() {
        let change = change_keys(&known(&[2], &[1]), &keyring(&[1, 2], &[])).unwrap();
        assert_eq!((vkeys(&change.signers), change.joining), (vec![vkey(2)], vec![]));
        assert_eq!(change.passed_over, [vkey(1)]);
        let alone = change_keys(&known(&[2], &[1]), &keyring(&[1], &[]));
        assert_eq!(alone.unwrap_err(), KeyRefusal::NoneInForce { in_force: vec![vkey(2)] });
        let with_a_new_one = change_keys(&known(&[2], &[1]), &keyring(&[1, 3], &[]));
        assert_eq!(with_a_new_one.unwrap_err(), KeyRefusal::NoneInForce { in_force: vec![vkey(2)] });
    }

    #[test]
    fn what_never_was_a_key_cannot_be_retired() {
        let refusal = change_keys(&known(&[1], &[]), &keyring(&[1], &[2])).unwrap_err();
        assert_eq!(refusal, KeyRefusal::NeverWas(vkey(2)));
        assert!(change_keys(&[], &keyring(&[1], &[2])).is_err());
    }

    #[test]
    fn a_lost_key_can_be_retired_with_what_is_public_of_it() {
        let change = change_keys(&known(&[1, 2], &[]), &keyring(&[1, 3], &[2])).unwrap();
        assert_eq!(vkeys(&change.signers), [vkey(1), vkey(3)]);
        assert_eq!((change.joining, change.retiring), (vec![vkey(3)], vec![vkey(2)]));
    }

    #[test]
    fn a_key_is_what_the_file_says_of_it_and_not_the_database_alone() {
        let file = keyring(&[1, 2], &[3]);
        let standing = |known: Vec<LogKey>| known.iter().map(|key| file.standing(key)).collect::<Vec<_>>();
        use Standing::{InForce, Retired, Unknown};
        assert_eq!(standing(known(&[1, 2, 3, 4], &[])), [InForce, InForce, Retired, Unknown]);
        assert_eq!(standing(known(&[], &[1, 3, 4])), [Retired, Retired, Unknown]);
    }

    // The example of C2SP signed-note.
    const PRIVATE: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_key_file_has_private_keys_and_retired_ones() {
        let other = Signer::from_seed("PeterNeumann", &[1; 32]).unwrap().verifier_key();
        let text = format!("# the key of 2026\n{PRIVATE}\r\n\n  retired {other}\n");
        let keyring = Keyring::parse(&text, "PeterNeumann").unwrap();
        assert_eq!(vkeys(&keyring.signers), [PUBLIC]);
        assert_eq!(keyring.retired, [other]);
    }

    #[test]
    fn what_is_wrong_with_a_key_file_is_told_by_line() {
        let wrong = |text: &str, origin: &str| Keyring::parse(text, origin).unwrap_err();
        assert_eq!(wrong("\n# nothing\n", "x"), KeyringError::Empty);
        assert_eq!(wrong(&format!("retired {PUBLIC}\n"), "PeterNeumann"), KeyringError::Empty);
        assert!(matches!(
            wrong(&format!("{PRIVATE}\nx\n"), "PeterNeumann"),
            KeyringError::Line { line: 2, .. }
        ));
        assert!(matches!(wrong(&format!("\n{PUBLIC}\n"), "x"), KeyringError::Line { line: 2, .. }));
        assert!(matches!(wrong(&format!("{PRIVATE}\n"), "x"), KeyringError::OtherName { line: 1, .. }));
        let twice = wrong(&format!("{PRIVATE}\nretired {PUBLIC}\n"), "PeterNeumann");
        assert!(matches!(twice, KeyringError::Twice { line: 2, .. }));
        assert!(!format!("{twice} {twice:?}").contains("AYEK"));
    }
}
