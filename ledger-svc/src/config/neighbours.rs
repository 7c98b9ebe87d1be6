//! Settings for vouching: who vouches for this log, and for whom this ledger vouches.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::Context as _;
use huying_platform::secret_file::read_secret;

use super::PublicUrl;
use crate::{
    domain::{
        cosignature::{Cosigner, WitnessKey},
        witness::{WITNESSES_MAX, WitnessedLogs},
    },
    use_cases::{add_checkpoint::Vouching, gather_cosignatures::WitnessAddress},
};

/// Larger than any list of keys; a wrong path may name anything.
const LIST_MAX_BYTES: u64 = 1024 * 1024;

/// Reads the file of witnesses: the verifier key and the submission prefix of each, one a line.
///
/// # Errors
/// When the file cannot be read or a line is wrong; which, and what would be right.
pub(super) fn witnesses(path: &Path) -> anyhow::Result<Vec<WitnessAddress>> {
    let named = || format!("--witnesses-file {}", path.display());
    parse_witnesses(&read_list(path).with_context(named)?).with_context(named)
}

fn parse_witnesses(text: &str) -> anyhow::Result<Vec<WitnessAddress>> {
    let mut witnesses: Vec<WitnessAddress> = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line_no = index + 1;
        let (key, url) = line.split_once(char::is_whitespace).with_context(|| {
            format!("line {line_no} is not a verifier key, a space and an address such as https://ledger.example.cn/witness")
        })?;
        let key = WitnessKey::parse(key)
            .with_context(|| format!("line {line_no} does not begin with the verifier key of a witness"))?;
        let url: PublicUrl = url.trim().parse().with_context(|| format!("line {line_no}: {}", url.trim()))?;
        anyhow::ensure!(
            witnesses.iter().all(|other| other.key.name() != key.name()),
            "line {line_no} names {} again; a witness has one line",
            key.name()
        );
        witnesses.push(WitnessAddress { key, url });
    }
    anyhow::ensure!(
        witnesses.len() <= WITNESSES_MAX,
        "it has {} witnesses; {WITNESSES_MAX} would be the most",
        witnesses.len()
    );
    Ok(witnesses)
}

/// Reads the key of this ledger as a witness, and the logs that it vouches for.
///
/// # Errors
/// When a file cannot be read, the key file is open to others, or a line is wrong.
pub(super) fn vouching(origin: &str, key_file: &Path, logs_file: &Path) -> anyhow::Result<Vouching> {
    let named = || format!("--witness-key-file {}", key_file.display());
    let key = read_secret(key_file).with_context(named)?;
    let cosigner =
        Cosigner::parse(&key).with_context(named).context("`huying keys witness` writes such a key")?;
    let named = || format!("--witnessed-logs-file {}", logs_file.display());
    let logs = WitnessedLogs::parse(&read_list(logs_file).with_context(named)?).with_context(named)?;
    anyhow::ensure!(
        logs.origins().all(|witnessed| witnessed != origin),
        "{} has {origin}, which is this log itself: nobody vouches for himself",
        named()
    );
    Ok(Vouching { cosigner, logs })
}

fn read_list(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LIST_MAX_BYTES + 1).read_to_string(&mut text))
        .context("it cannot be read")?;
    anyhow::ensure!(text.len() as u64 <= LIST_MAX_BYTES, "it has more than {LIST_MAX_BYTES} bytes");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::note::Signer;

    fn key(name: &str) -> String {
        Cosigner::from_seed(name, &[7; 32]).unwrap().verifier_key()
    }

    #[test]
    fn each_witness_has_a_key_and_an_address() {
        let (one, two) = (key("w.example/1"), key("w.example/2"));
        let text = format!("# ours\n{one} https://w.example/witness/\n\n{two}\thttp://127.0.0.1:8080\n");
        let witnesses = parse_witnesses(&text).unwrap();
        let names: Vec<_> = witnesses.iter().map(|witness| witness.key.name()).collect();
        assert_eq!(names, ["w.example/1", "w.example/2"]);
        assert_eq!(witnesses[0].url.join("/add-checkpoint"), "https://w.example/witness/add-checkpoint");
    }

    #[test]
    fn what_is_wrong_with_a_witness_is_told_by_line() {
        let wrong = |text: &str| format!("{:#}", parse_witnesses(text).unwrap_err());
        let one = key("w.example/1");
        assert!(wrong(&one).contains("line 1 is not a verifier key, a space and an address"));
        let log = Signer::from_seed("log.example", &[7; 32]).unwrap().verifier_key();
        assert!(wrong(&format!("\n{log} https://w.example")).contains("line 2 does not begin with"));
        assert!(wrong(&format!("{one} ftp://w.example")).contains("line 1: ftp://w.example"));
        assert!(wrong(&format!("{one} https://a.example\n{one} https://b.example")).contains("line 2 names"));
        let many: String =
            (0..=WITNESSES_MAX).map(|n| format!("{} https://w.example\n", key(&format!("w{n}")))).collect();
        assert!(wrong(&many).contains("12 would be the most"));
    }

    #[test]
    fn a_ledger_does_not_vouch_for_itself() {
        let directory = std::env::temp_dir().join(format!("huying-vouching-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (key_file, logs_file) = (directory.join("witness.key"), directory.join("logs"));
        let seed = "PRIVATE+KEY+witness.example/w1+24b5d9fe+BAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ\n";
        std::fs::write(&key_file, seed).unwrap();
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&key_file, permissions).unwrap();
        let log = Signer::from_seed("log.example", &[7; 32]).unwrap().verifier_key();
        std::fs::write(&logs_file, format!("{log}\n")).unwrap();
        let other = vouching("other.example", &key_file, &logs_file).unwrap();
        assert_eq!(other.cosigner.name(), "witness.example/w1");
        let itself = vouching("log.example", &key_file, &logs_file).unwrap_err();
        assert!(itself.to_string().contains("this log itself"), "{itself:#}");
        let missing = vouching("other.example", &key_file, &directory.join("none")).unwrap_err();
        assert!(format!("{missing:#}").contains("--witnessed-logs-file"), "{missing:#}");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
