//! Files that are written whole or not at all.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// What to do about a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Replace,
    Refuse,
}

/// Writes aside, with the right mode from the first byte on, and puts the whole file into its place.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when there is a file that is not to be replaced, and those of the disk.
pub(crate) fn write_whole(path: &Path, text: &str, mode: u32, existing: Existing) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.new", std::process::id()));
    let aside = PathBuf::from(aside);
    let written = write_aside(&aside, text, mode).and_then(|()| match existing {
        Existing::Replace => fs::rename(&aside, path),
        // A link, unlike a rename, fails when somebody else has made the file in the meantime.
        Existing::Refuse => fs::hard_link(&aside, path),
    });
    let _ = fs::remove_file(&aside);
    written
}

fn write_aside(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
