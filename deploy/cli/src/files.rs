//! Files that are written whole or not at all.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
};

/// What to do about a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Replace,
    Refuse,
}

/// Writes aside, with the right mode from the first byte on, and puts the whole file into its place; one that is replaced
/// keeps its owner and group.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when there is a file that is not to be replaced, and those of the disk.
pub(crate) fn write_whole(path: &Path, text: &str, mode: u32, existing: Existing) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.new", std::process::id()));
    let aside = PathBuf::from(aside);
    let written = write_aside(&aside, text, mode).and_then(|()| match existing {
        Existing::Replace => keep_owner(&aside, path).and_then(|()| fs::rename(&aside, path)),
        // A link, unlike a rename, fails when somebody else has made the file in the meantime.
        Existing::Refuse => fs::hard_link(&aside, path),
    });
    let _ = fs::remove_file(&aside);
    written
}

/// Gives a file to whom the one belongs that it replaces: a service that could read that can read this.
fn keep_owner(aside: &Path, replaced: &Path) -> io::Result<()> {
    let before = match fs::metadata(replaced) {
        Ok(before) => before,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let now = fs::metadata(aside)?;
    if (now.uid(), now.gid()) == (before.uid(), before.gid()) {
        return Ok(());
    }
    chown(aside, Some(before.uid()), Some(before.gid()))
}

fn write_aside(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
