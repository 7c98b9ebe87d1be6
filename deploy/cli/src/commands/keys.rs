//! `huying keys`: the keys of an installation.
//!
//! Guarantees that a private key is readable by its owner alone from the first byte on, is written whole or not at all,
//! and never replaces another without `--force`.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use serde_json::json;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    jwt,
    verify::note::{self, VerifierKey},
};

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  huying keys jwt --out-dir keys\n  huying keys sealing --out keys/sealing.key"
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
    /// The key that signs the ledger's checkpoints (HUYING_LOG_KEY_FILE), and FILE.pub with the verifier key
    #[command(
        after_help = "Example:\n  huying keys ledger --origin huying.example.cn/150800 --out keys/ledger.key"
    )]
    Ledger {
        /// Name of the log: a URL without a scheme, the same for ever
        #[arg(long, value_name = "ORIGIN")]
        origin: String,
        /// File for the key
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
}

pub(crate) fn run(context: &Context, arguments: &KeysArgs) -> Result<(), Failure> {
    let made = match &arguments.kind {
        Kind::Jwt { out_dir, force } => make_jwt_key(out_dir, *force)?,
        Kind::Sealing { out, force } => make_sealing_key(out, *force)?,
        Kind::Ledger { origin, out, force } => make_ledger_key(origin, out, *force)?,
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
    write_key(&private, &jwt::to_pem(&key)?, PRIVATE, force)?;
    write_key(&public, &format!("{:#}\n", jwt::key_set(&verifying)), PUBLIC, force)?;
    Ok(Made { files: vec![private, public], public: ("kid", jwt::thumbprint(&verifying)) })
}

fn make_sealing_key(path: &Path, force: bool) -> Result<Made, Failure> {
    refuse_to_replace(&[path], force)?;
    write_key(path, &format!("{}\n", BASE64.encode(&random_bytes()?)), PRIVATE, force)?;
    Ok(Made { files: vec![path.to_owned()], public: ("bytes", "32".to_owned()) })
}

fn make_ledger_key(origin: &str, path: &Path, force: bool) -> Result<Made, Failure> {
    note::check_name(origin).map_err(Failure::usage)?;
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    refuse_to_replace(&[path, &public], force)?;
    let key = SigningKey::from_bytes(&random_bytes()?);
    let verifier = VerifierKey::of(origin, key.verifying_key()).to_text();
    write_key(path, &format!("{}\n", note::signer_key_text(origin, &key)), PRIVATE, force)?;
    write_key(&public, &format!("{verifier}\n"), PUBLIC, force)?;
    Ok(Made { files: vec![path.to_owned(), public], public: ("verifier key", verifier) })
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

/// Writes aside, with the right mode from the start, and puts the whole file into its place.
fn write_key(path: &Path, text: &str, mode: u32, force: bool) -> Result<(), Failure> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.new", std::process::id()));
    let aside = PathBuf::from(aside);
    let written = write_aside(&aside, text, mode).and_then(|()| {
        if force {
            fs::rename(&aside, path)
        } else {
            // A link, unlike a rename, fails when somebody else has made the file in the meantime.
            fs::hard_link(&aside, path)
        }
    });
    let _ = fs::remove_file(&aside);
    written.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return already_there(path);
        }
        Failure::unexpected(format!("{} cannot be written: {error}", path.display()))
    })
}

fn write_aside(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

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
        make_ledger_key("huying.example/150800", &path, false).unwrap();
        let private = fs::read_to_string(&path).unwrap();
        assert!(private.starts_with("PRIVATE+KEY+huying.example/150800+"));
        let public = fs::read_to_string(folder.0.join("ledger.key.pub")).unwrap();
        assert_eq!(VerifierKey::parse(&public).unwrap().name, "huying.example/150800");
        let refused = make_ledger_key("with space", &path, true).err().unwrap();
        assert_eq!(refused.exit(), Exit::Usage);
    }
}
