//! Settings by name: the process's environment, and behind it the `.run/env` of a trial installation.
//!
//! Guarantees that a variable of the real environment always wins, and that nothing is ever written to either.
//! What a name means is for its user to know.

use std::{collections::BTreeMap, env, fs, path::Path};

/// How many folders are climbed in search of `.run/env`: deeper than any checkout, and a bound all the same.
const FOLDERS_CLIMBED_MAX: usize = 64;

/// Where settings are looked up.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    process: BTreeMap<String, String>,
    trial: BTreeMap<String, String>,
}

impl Environment {
    /// Reads the process's variables and the nearest `.run/env` at or above the current directory.
    pub(crate) fn read() -> Self {
        let process = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("HUYING_"))
            .collect();
        let found = env::current_dir().ok().and_then(|here| find_trial_file(&here));
        Self { process, trial: found.map(|text| parse_exports(&text)).unwrap_or_default() }
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
        Self { process: map(process), trial: map(trial) }
    }
}

/// The text of the nearest `.run/env`.
fn find_trial_file(start: &Path) -> Option<String> {
    let folders = start.ancestors().take(FOLDERS_CLIMBED_MAX);
    folders.map(|folder| folder.join(".run/env")).find_map(|path| fs::read_to_string(path).ok())
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
    fn the_trial_file_is_found_from_a_folder_below() {
        let root = env::temp_dir().join(format!("huying-environment-{}", std::process::id()));
        let below = root.join("a/b");
        fs::create_dir_all(root.join(".run")).unwrap();
        fs::create_dir_all(&below).unwrap();
        fs::write(root.join(".run/env"), "export HUYING_INTAKE='http://x'\n").unwrap();
        assert_eq!(find_trial_file(&below).unwrap(), "export HUYING_INTAKE='http://x'\n");
        fs::remove_dir_all(&root).unwrap();
    }
}
