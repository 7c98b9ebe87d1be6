//! Pictures: as files on their way to intake, and as descriptions on their way to routing.
//!
//! A description is what `huying picture upload` prints: JSON with the fields of the contract's Picture. Whether a picture
//! is one that intake keeps is for the services to judge.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
    str::FromStr,
};

use huying_proto::events::v1 as proto;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// What intake takes of one picture at most, by its contract.
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// The description of a picture that intake keeps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Picture {
    picture_id: String,
    media_type: String,
    width_px: u32,
    height_px: u32,
    size_bytes: u32,
}

impl FromStr for Picture {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text).map_err(|error| {
            format!(
                "{error}; what huying picture upload printed, such as {{\"picture_id\": …}}, would be right"
            )
        })
    }
}

impl From<Picture> for proto::Picture {
    fn from(picture: Picture) -> Self {
        let Picture { picture_id, media_type, width_px, height_px, size_bytes } = picture;
        Self { picture_id, media_type, width_px, height_px, size_bytes }
    }
}

/// Several descriptions as the contract has them.
pub(crate) fn to_proto(pictures: Vec<Picture>) -> Vec<proto::Picture> {
    pictures.into_iter().map(proto::Picture::from).collect()
}

/// A picture as JSON, in the form that can be read again.
pub(crate) fn picture_json(picture: &proto::Picture) -> Value {
    json!({
        "picture_id": picture.picture_id,
        "media_type": picture.media_type,
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "size_bytes": picture.size_bytes,
    })
}

/// The bytes of a picture file, at most as many as intake would take.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("the picture {} cannot be read: {error}", path.display()))
    };
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Err(Failure::usage(format!("{} is a folder; a picture would be right", path.display())));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("the picture {} is larger than 10 MiB", path.display())));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_picture_can_be_read_again() {
        let picture = proto::Picture {
            picture_id: "ab".repeat(32),
            media_type: "image/jpeg".into(),
            width_px: 640,
            height_px: 480,
            size_bytes: 9_000,
        };
        let read: Picture = picture_json(&picture).to_string().parse().unwrap();
        assert_eq!(proto::Picture::from(read), picture);
        assert!("photo.jpg".parse::<Picture>().unwrap_err().contains("huying picture upload"));
        assert!(r#"{"picture_id": "ab"}"#.parse::<Picture>().is_err());
    }
}
