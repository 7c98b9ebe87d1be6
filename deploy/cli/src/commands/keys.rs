//! `huying keys`: the keys of an installation.
//!
//! Guarantees that a private key is readable by its owner alone from the first byte on, is written whole or not at all,
//! and never replaces another without `--force`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    files::{Existing, write_whole},
    jwt,
    verify::keys::{KeyKind, PrivateKey, VerifierKey, check_name},
};

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;
/// As many as ledger-svc signs with.
const LOG_KEYS_MAX: usize = 4;
/// What stands in a key file before the verifier key of one that signs no longer.
const RETIRED: &str = "retired ";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying keys jwt --out-dir keys\n  huying keys sealing --out keys/sealing.key\n  huying keys ledger --origin huying.example.cn/150800 --out keys/ledger.key"
)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// The key that signs tokens: jwt.key.pem (PKCS#8), and jwks.json for the services (HUYING_JWKS)
    #[command(after_help = "Example:\n  huying keys jwt --out-dir keys")]
    Jwt {
        /// Folder for jwt.key.pem and jwks.json
        #[arg(long, value_name = "DIR")]
        out_dir: PathBuf,
        /// Replace files that are there
        #[arg(long)]
        force: bool,
    },
    /// The key that seals citizens' private parts at intake (HUYING_SEALING_KEY_FILE): base64 of 32 bytes
    #[command(after_help = "Example:\n  huying keys sealing --out keys/sealing.key")]
    Sealing {
        /// File for the key
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace a file that is there; what was sealed with the old key can then never be read again
        #[arg(long)]
        force: bool,
    },
    /// The keys that sign the ledger's checkpoints (HUYING_LOG_KEY_FILE), and FILE.pub with the verifier keys
    #[command(after_help = LEDGER_AFTER_HELP)]
    Ledger {
        /// Name of the log: a URL without a scheme, the same for ever
        #[arg(long, value_name = "ORIGIN", required_unless_present_any = ["add", "retire"])]
        origin: Option<String>,
        /// File for the keys
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
        /// Make a further key and put it behind those that are in the file
        #[arg(long, conflicts_with_all = ["origin", "force"])]
        add: bool,
        /// Have this key sign no longer: its verifier key, or the eight digits in it
        #[arg(long, value_name = "KEY", conflicts_with_all = ["origin", "force", "add"])]
        retire: Option<String>,
    },
    /// The key by which this ledger cosigns those of others (HUYING_WITNESS_KEY_FILE), and FILE.pub with the verifier key
    #[command(
        after_help = "Example:\n  huying keys witness --name huying.example.cn/150800/witness --out keys/witness.key"
    )]
    Witness {
        /// Name of the witness: a URL without a scheme, the same for ever, and not that of a log
        #[arg(long, value_name = "NAME")]
        name: String,
        /// File for the key
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
}

const LEDGER_AFTER_HELP: &str = "\
Examples:
  huying keys ledger --origin huying.example.cn/150800 --out keys/ledger.key
  huying keys ledger --add --out keys/ledger.key
  huying keys ledger --retire 1a2b3c4d --out keys/ledger.key

A key is changed without a seam: --add makes a second one; with the file in place on all replicas,
and these started anew, the ledger signs with both. When everybody who verifies has the keys of
FILE.pub, --retire takes the old one out, and the replicas are started anew once more. A retired
key never signs again.";

pub(crate) fn run(context: &Context, arguments: &KeysArgs) -> Result<(), Failure> {
    let made = match &arguments.kind {
        Kind::Jwt { out_dir, force } => make_jwt_key(out_dir, *force)?,
        Kind::Sealing { out, force } => make_sealing_key(out, *force)?,
        Kind::Ledger { out, add: true, .. } => add_ledger_key(out)?,
        Kind::Ledger { out, retire: Some(key), .. } => retire_ledger_key(key, out)?,
        Kind::Ledger { origin, out, force, .. } => {
            make_signing_key(KeyKind::Log, origin.as_deref().unwrap_or_default(), out, *force)?
        }
        Kind::Witness { name, out, force } => make_signing_key(KeyKind::Witness, name, out, *force)?,
    };
    let paths: Vec<String> = made.files.iter().map(|path| path.display().to_string()).collect();
    let (name, value) = made.public;
    context.output.result(
        || format!("written: {}\n{name}: {value}", paths.join(", ")),
        || json!({ "files": paths, name.replace(' ', "_"): value }),
    )
}

/// What was made, and what of it everybody may know.
struct Made {
    files: Vec<PathBuf>,
    public: (&'static str, String),
}

fn make_jwt_key(folder: &Path, force: bool) -> Result<Made, Failure> {
    let (private, public) = (folder.join("jwt.key.pem"), folder.join("jwks.json"));
    refuse_to_replace(&[&private, &public], force)?;
    let key = SigningKey::from_bytes(&random_bytes()?);
    let verifying = key.verifying_key();
    fs::create_dir_all(folder)
        .map_err(|error| Failure::unexpected(format!("{} cannot be made: {error}", folder.display())))?;
    write_key(&private, &jwt::to_pem(&key)?, PRIVATE, existing(force))?;
    write_key(&public, &format!("{:#}\n", jwt::key_set(&verifying)), PUBLIC, existing(force))?;
    Ok(Made { files: vec![private, public], public: ("kid", jwt::thumbprint(&verifying)) })
}

fn make_sealing_key(path: &Path, force: bool) -> Result<Made, Failure> {
    refuse_to_replace(&[path], force)?;
    write_key(path, &format!("{}\n", BASE64.encode(&random_bytes()?)), PRIVATE, existing(force))?;
    Ok(Made { files: vec![path.to_owned()], public: ("bytes", "32".to_owned()) })
}

fn make_signing_key(kind: KeyKind, name: &str, path: &Path, force: bool) -> Result<Made, Failure> {
    check_name(name).map_err(Failure::usage)?;
    let public = public_path(path);
    refuse_to_replace(&[path, &public], force)?;
    let key = PrivateKey::of(kind, name, SigningKey::from_bytes(&random_bytes()?));
    let verifier = key.verifier().to_text();
    write_key(path, &format!("{}\n", key.to_text()), PRIVATE, existing(force))?;
    write_key(&public, &format!("{verifier}\n"), PUBLIC, existing(force))?;
    Ok(Made { files: vec![path.to_owned(), public], public: ("verifier key", verifier) })
}

fn add_ledger_key(path: &Path) -> Result<Made, Failure> {
    let (mut text, keys) = read_ledger_keys(path)?;
    if keys.len() >= LOG_KEYS_MAX {
        return Err(Failure::new(
            Exit::Refused,
            format!("{} has {} keys already", path.display(), keys.len()),
        )
        .with_hint("--retire one that nobody needs any more"));
    }
    let name = keys.first().map(|key| key.name.clone()).unwrap_or_default();
    let key = PrivateKey::of(KeyKind::Log, &name, SigningKey::from_bytes(&random_bytes()?));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{}\n", key.to_text()));
    let verifier = key.verifier();
    rewrite_ledger_keys(path, &text, keys.into_iter().chain([verifier.clone()]), &verifier)
}

fn retire_ledger_key(key: &str, path: &Path) -> Result<Made, Failure> {
    let (text, mut keys) = read_ledger_keys(path)?;
    let is_named = |candidate: &VerifierKey| {
        let text = candidate.to_text();
        text == key.trim() || text.strip_prefix(&format!("{}+{key}+", candidate.name)).is_some()
    };
    let place = keys.iter().position(is_named).ok_or_else(|| {
        let texts: Vec<String> = keys.iter().map(VerifierKey::to_text).collect();
        Failure::usage(format!("{} has no key {key} that signs", path.display()))
            .with_hint(format!("it has {}", texts.join(" and ")))
    })?;
    if keys.len() == 1 {
        return Err(Failure::new(Exit::Refused, "it is the only key that signs")
            .with_hint("--add a new one, and have the ledger sign with both first"));
    }
    let retired = keys.remove(place);
    let is_its =
        |line: &str| PrivateKey::parse(KeyKind::Log, line).is_ok_and(|key| key.verifier() == retired);
    let line = |line: &str| match is_its(line) {
        true => format!("{RETIRED}{}\n", retired.to_text()),
        false => format!("{line}\n"),
    };
    let text: String = text.lines().map(line).collect();
    rewrite_ledger_keys(path, &text, keys, &retired)
}

/// A key file, and the verifier keys of those in it that sign, foremost first; one at least.
fn read_ledger_keys(path: &Path) -> Result<(String, Vec<VerifierKey>), Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))?;
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') || line.starts_with(RETIRED) {
            continue;
        }
        let key = PrivateKey::parse(KeyKind::Log, line)
            .map_err(|reason| Failure::usage(format!("{} line {number}: {reason}", path.display())))?;
        keys.push(key.verifier());
    }
    if keys.is_empty() {
        return Err(Failure::usage(format!("{} has no key that signs", path.display())));
    }
    Ok((text, keys))
}

/// Writes a changed key file, and the verifier keys of those that sign beside it.
fn rewrite_ledger_keys(
    path: &Path,
    text: &str,
    signing: impl IntoIterator<Item = VerifierKey>,
    changed: &VerifierKey,
) -> Result<Made, Failure> {
    let public = public_path(path);
    let verifiers: String = signing.into_iter().map(|key| format!("{}\n", key.to_text())).collect();
    write_key(path, text, PRIVATE, Existing::Replace)?;
    write_key(&public, &verifiers, PUBLIC, Existing::Replace)?;
    Ok(Made { files: vec![path.to_owned(), public], public: ("verifier key", changed.to_text()) })
}

fn public_path(path: &Path) -> PathBuf {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    PathBuf::from(public)
}

fn existing(force: bool) -> Existing {
    if force { Existing::Replace } else { Existing::Refuse }
}

fn random_bytes() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::unexpected(format!("the system gives no random numbers: {error}")))?;
    Ok(bytes)
}

fn refuse_to_replace(paths: &[&Path], force: bool) -> Result<(), Failure> {
    match paths.iter().find(|path| path.exists()) {
        Some(path) if !force => Err(already_there(path)),
        _ => Ok(()),
    }
}

fn already_there(path: &Path) -> Failure {
    Failure::new(Exit::Refused, format!("{} is there already", path.display()))
        .with_hint("--force replaces it; what the old key signed or sealed then no longer opens")
}

fn write_key(path: &Path, text: &str, mode: u32, existing: Existing) -> Result<(), Failure> {
    write_whole(path, text, mode, existing).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return already_there(path);
        }
        Failure::unexpected(format!("{} cannot be written: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("huying-keys-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn private_keys_are_readable_by_their_owner_alone_and_not_replaced_by_chance() {
        let folder = Folder::new("mode");
        let path = folder.0.join("sealing.key");
        make_sealing_key(&path, false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!(BASE64.decode(first.trim().as_bytes()).unwrap().len(), 32);
        assert_eq!(make_sealing_key(&path, false).err().unwrap().exit(), Exit::Refused);
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        make_sealing_key(&path, true).unwrap();
        assert_ne!(fs::read_to_string(&path).unwrap(), first);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left beside the key");
    }

    #[test]
    fn the_token_key_is_in_its_key_set() {
        let folder = Folder::new("jwt");
        make_jwt_key(&folder.0, false).unwrap();
        let pem = folder.0.join("jwt.key.pem");
        assert_eq!(fs::metadata(&pem).unwrap().permissions().mode() & 0o777, 0o600);
        let key = jwt::read_key(pem.to_str().unwrap()).unwrap();
        let set: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(folder.0.join("jwks.json")).unwrap()).unwrap();
        assert_eq!(set["keys"][0]["kid"], jwt::thumbprint(&key.verifying_key()).as_str());
        assert_eq!(set["keys"][0]["use"], "sig");
    }

    #[test]
    fn the_ledger_key_has_its_verifier_key_beside_it() {
        let folder = Folder::new("ledger");
        let path = folder.0.join("ledger.key");
        make_signing_key(KeyKind::Log, "huying.example/150800", &path, false).unwrap();
        let private = fs::read_to_string(&path).unwrap();
        assert!(private.starts_with("PRIVATE+KEY+huying.example/150800+"));
        let public = fs::read_to_string(folder.0.join("ledger.key.pub")).unwrap();
        assert_eq!(VerifierKey::parse(KeyKind::Log, &public).unwrap().name, "huying.example/150800");
        let refused = make_signing_key(KeyKind::Log, "with space", &path, true).err().unwrap();
        assert_eq!(refused.exit(), Exit::Usage);
    }

    #[test]
    fn a_witness_key_is_of_another_kind_than_that_of_a_log() {
        let folder = Folder::new("witness");
        let path = folder.0.join("witness.key");
        make_signing_key(KeyKind::Witness, "witness.example/w1", &path, false).unwrap();
        let public = fs::read_to_string(folder.0.join("witness.key.pub")).unwrap();
        assert!(VerifierKey::parse(KeyKind::Witness, &public).is_ok());
        assert!(VerifierKey::parse(KeyKind::Log, &public).is_err());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_of_the_ledger_is_changed_in_two_steps() {
        let folder = Folder::new("rotation");
        let path = folder.0.join("ledger.key");
        let signing = || VerifierKey::parse_all(&fs::read_to_string(public_path(&path)).unwrap()).unwrap();
        make_signing_key(KeyKind::Log, "huying.example/150800", &path, false).unwrap();
        let first = signing()[0].clone();
        let hash = first.to_text().split('+').nth(1).unwrap().to_owned();
        let refused = retire_ledger_key(&hash, &path).err().unwrap();
        assert_eq!(refused.exit(), Exit::Refused, "the only one");

        fs::write(&path, format!("# of 2026\n{}", fs::read_to_string(&path).unwrap().trim_end())).unwrap();
        // As when root changes the key of a service that has an account of its own.
        let owner = fs::metadata(&path).unwrap().uid();
        let other = if owner == 0 { 12_345 } else { owner };
        chown(&path, Some(other), None).unwrap();
        add_ledger_key(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().uid(), other);
        let both = signing();
        assert_eq!((both.len(), &both[0]), (2, &first));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        assert_eq!(retire_ledger_key("00000000", &path).err().unwrap().exit(), Exit::Usage);
        retire_ledger_key(&hash, &path).unwrap();
        assert_eq!(signing(), both[1..]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("# of 2026\nretired {}\nPRIVATE+KEY+", first.to_text())), "{text}");
        assert_eq!(retire_ledger_key(&first.to_text(), &path).err().unwrap().exit(), Exit::Usage);

        for _ in 0..3 {
            add_ledger_key(&path).unwrap();
        }
        assert_eq!(add_ledger_key(&path).err().unwrap().exit(), Exit::Refused, "four sign already");
    }
}
