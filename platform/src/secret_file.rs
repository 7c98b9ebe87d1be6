//! Files with keys: read only when nobody but their owner can read them.

use std::{fs::File, io::Read as _, os::unix::fs::PermissionsExt as _, path::Path};

/// Larger than any key file; a wrong path may name anything.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// Read, write or execute for the group or for others.
const OTHERS: u32 = 0o077;

/// Why a key file was not read.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// Missing, not readable, or not text.
    #[error("it cannot be read")]
    Unreadable(#[from] std::io::Error),
    /// Others than its owner may read or change it.
    #[error("its mode is {mode:04o}, open to others than its owner; chmod 600 would be right")]
    OpenToOthers {
        /// Permission bits of the file.
        mode: u32,
    },
}

/// Reads the text of a key file.
///
/// # Errors
/// When it cannot be read, or the group or others have any right to it. The caller names the file.
pub fn read_secret(path: &Path) -> Result<String, SecretFileError> {
    let file = File::open(path)?;
    // Asked of the open file, so that what is judged is what is read.
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(SecretFileError::OpenToOthers { mode });
    }
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let path = std::env::temp_dir().join(format!("huying-secret-{}", uuid::Uuid::now_v7()));
        std::fs::write(&path, "key\n").unwrap();
        for (mode, is_read) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o660, false)]
        {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match read_secret(&path) {
                Ok(text) => assert!(is_read && text == "key\n", "{mode:o}"),
                Err(error) => assert!(!is_read && error.to_string().contains("chmod 600"), "{mode:o}"),
            }
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read_secret(&path), Err(SecretFileError::Unreadable(_))));
    }
}
