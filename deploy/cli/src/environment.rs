//! Settings by name: the process's environment, and behind it the `.run/env` of a trial installation.
//!
//! Guarantees that a variable of the real environment always wins, that nothing is ever written to either, and that a
//! file which somebody else could have written is not read: it says where tokens and private parts are sent.
//! What a name means is for its user to know.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

/// How many folders are climbed in search of `.run/env`: deeper than any checkout, and a bound all the same.
const FOLDERS_CLIMBED_MAX: usize = 64;
/// More than deploy/up ever writes.
const TRIAL_FILE_BYTES_MAX: u64 = 256 * 1024;
/// Writable by the group, writable by others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Where settings are looked up.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    process: BTreeMap<String, String>,
    trial: BTreeMap<String, String>,
    ignored: Option<String>,
}

/// What became of the nearest `.run/env`.
#[derive(Debug, PartialEq, Eq)]
enum Trial {
    None,
    Read(String),
    /// Why, for people.
    Ignored(String),
}

impl Environment {
    /// Reads the process's variables and the nearest `.run/env` at or above the current directory.
    pub(crate) fn read() -> Self {
        let process = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("HUYING_"))
            .collect();
        // The owner of a process's own entry there is the user it acts as.
        let user = fs::metadata("/proc/self").ok().map(|entry| entry.uid());
        let found = env::current_dir().map_or(Trial::None, |here| find_trial_file(&here, user));
        match found {
            Trial::None => Self { process, ..Self::default() },
            Trial::Read(text) => Self { process, trial: parse_exports(&text), ignored: None },
            Trial::Ignored(why) => Self { process, ignored: Some(why), ..Self::default() },
        }
    }

    /// Why the nearest `.run/env` was not read, when there is one that was not.
    pub(crate) fn ignored(&self) -> Option<&str> {
        self.ignored.as_deref()
    }

    /// The value of a variable; an empty one counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        [&self.process, &self.trial]
            .into_iter()
            .filter_map(|variables| variables.get(name))
            .map(String::as_str)
            .find(|value| !value.is_empty())
    }

    #[cfg(test)]
    pub(crate) fn of(process: &[(&str, &str)], trial: &[(&str, &str)]) -> Self {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        Self { process: map(process), trial: map(trial), ignored: None }
    }
}

/// The nearest `.run/env`, when file and folder are the user's own and nobody else's to write.
fn find_trial_file(start: &Path, user: Option<u32>) -> Trial {
    let mut folders = start.ancestors().take(FOLDERS_CLIMBED_MAX).map(|folder| folder.join(".run"));
    let found = folders.find_map(|folder| File::open(folder.join("env")).ok().map(|file| (folder, file)));
    let Some((folder, file)) = found else { return Trial::None };
    let path = folder.join("env");
    match read_own(&folder, file, user) {
        Ok(Ok(text)) => Trial::Read(text),
        Ok(Err(why)) => Trial::Ignored(format!("{} is not read: {why}", path.display())),
        Err(error) => Trial::Ignored(format!("{} cannot be read: {error}", path.display())),
    }
}

/// The text, or why it is not to be trusted. The open file is judged, so that what is judged is what is read.
fn read_own(folder: &Path, file: File, user: Option<u32>) -> io::Result<Result<String, &'static str>> {
    let is_own = |of: &Metadata| user == Some(of.uid());
    let is_writable_by_others = |of: &Metadata| of.mode() & WRITABLE_BY_OTHERS != 0;
    let (folder, own) = (fs::metadata(folder)?, file.metadata()?);
    if !is_own(&folder) || !is_own(&own) {
        return Ok(Err("it or its folder belongs to another user"));
    }
    if is_writable_by_others(&folder) || is_writable_by_others(&own) {
        return Ok(Err("it or its folder can be written by others; chmod go-w would be right"));
    }
    let mut text = String::new();
    file.take(TRIAL_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(Ok(text))
}

/// Reads `export NAME='value'` lines, as a shell would: single or double quotes or none, comments, blank lines.
/// Lines of any other form are passed over: the file is for the shell to source, and only its settings matter here.
fn parse_exports(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(parse_export).collect()
}

fn parse_export(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=')?;
    let is_name =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_name.then(|| (name.to_owned(), unquote(value)))
}

/// Takes off a shell's quotes. Within single quotes everything is literal, and `'\''` is how a shell writes a quote
/// between two such pieces; an unquoted value ends at the first white space.
fn unquote(value: &str) -> String {
    let mut plain = String::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' => plain.extend(rest.by_ref().take_while(|c| *c != '\'')),
            '"' => {
                while let Some(c) = rest.next() {
                    match c {
                        '"' => break,
                        '\\' => plain.extend(rest.next()),
                        other => plain.push(other),
                    }
                }
            }
            '\\' => plain.extend(rest.next()),
            c if c.is_whitespace() => break,
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn export_lines_are_read_as_a_shell_reads_them() {
        let text = "# written by up\n\
                    export HUYING_INTAKE='http://127.0.0.1:7101'\n\
                    HUYING_ROUTING=http://127.0.0.1:7102 # here\n\
                    export HUYING_TITLE=\"a \\\"b\\\" c\"\n\
                    export HUYING_QUOTE='it'\\''s'\n\
                    export HUYING_EMPTY=''\n\
                    cd /tmp\n\
                    if [ a = b ]; then\n";
        let read = parse_exports(text);
        let expected = [
            ("HUYING_INTAKE", "http://127.0.0.1:7101"),
            ("HUYING_ROUTING", "http://127.0.0.1:7102"),
            ("HUYING_TITLE", "a \"b\" c"),
            ("HUYING_QUOTE", "it's"),
            ("HUYING_EMPTY", ""),
        ];
        assert_eq!(read, expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
    }

    #[test]
    fn the_real_environment_wins_over_the_trial_file() {
        let environment = Environment::of(
            &[("HUYING_INTAKE", "http://real"), ("HUYING_NOTIFY", "")],
            &[("HUYING_INTAKE", "http://trial"), ("HUYING_NOTIFY", "http://trial")],
        );
        assert_eq!(environment.get("HUYING_INTAKE"), Some("http://real"));
        assert_eq!(environment.get("HUYING_NOTIFY"), Some("http://trial"), "an empty variable is not set");
        assert_eq!(environment.get("HUYING_LEDGER"), None);
    }

    #[test]
    fn the_trial_file_is_found_from_a_folder_below_and_read_when_nobody_else_could_have_written_it() {
        let root = env::temp_dir().join(format!("huying-environment-{}", std::process::id()));
        let below = root.join("a/b");
        fs::create_dir_all(root.join(".run")).unwrap();
        fs::create_dir_all(&below).unwrap();
        fs::write(root.join(".run/env"), "export HUYING_INTAKE='http://x'\n").unwrap();
        let file = root.join(".run/env");
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(&root.join(".run"), 0o755);
        mode(&file, 0o600);
        let user = fs::metadata(&file).unwrap().uid();
        let text = Trial::Read("export HUYING_INTAKE='http://x'\n".to_owned());
        assert_eq!(find_trial_file(&below, Some(user)), text);

        let is_ignored = |user| matches!(find_trial_file(&below, user), Trial::Ignored(_));
        assert!(is_ignored(Some(user + 1)) && is_ignored(None), "another user's");
        for (path, wrong, right) in
            [(&file, 0o620, 0o600), (&file, 0o602, 0o600), (&root.join(".run"), 0o775, 0o755)]
        {
            mode(path, wrong);
            assert!(is_ignored(Some(user)), "{wrong:o}");
            mode(path, right);
        }
        assert_eq!(find_trial_file(&below, Some(user)), text);
        fs::remove_dir_all(&root).unwrap();
    }
}
