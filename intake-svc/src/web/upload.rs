//! Reads the form for writing, with pictures or without.
//!
//! A browser sends the texts and the pictures in one body, and a citizen who chose large pictures has often typed for a
//! long time. So a body is read to its end even when its pictures will not be taken: what is over the bounds is thrown
//! away as it comes, and the page can be shown again with every word still there.

use axum::{
    Form,
    extract::{
        DefaultBodyLimit, FromRequest as _, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::{StatusCode, header},
};
use tokio::sync::OwnedSemaphorePermit;

use super::forms::SubmissionForm;
use crate::{
    domain::picture::{PICTURES_MAX, PICTURES_MAX_BYTES},
    picture_works::PictureWorks,
};

/// Most bytes of all texts of the form: the longest text of Chinese characters, percent-encoded, with room for the rest.
pub(super) const TEXTS_MAX_BYTES: usize = 256 * 1_024;
/// Most bytes of a body that is read at all: six photographs as phones take them.
const BODY_MAX_BYTES: usize = 64 * MIB;
/// Kept in memory of one body, in MiB: all pictures that may be taken, and the texts.
const KEPT_MIB: u32 = 4;
const MIB: usize = 1_024 * 1_024;

/// A form that was read.
pub(super) struct Received {
    /// The texts.
    pub(super) form: SubmissionForm,
    /// The pictures, as files. When there are more or larger ones than allowed, enough of them to be refused for it.
    pub(super) pictures: Vec<Vec<u8>>,
    /// Whether there was no memory for the pictures, so that they are not here.
    pub(super) is_busy: bool,
    /// The memory they take, as long as they are worked on.
    _memory: Option<OwnedSemaphorePermit>,
}

/// Why a form could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Longer than anything that could be taken.
    TooLarge,
    /// Not a form.
    NotAForm,
}

pub(super) async fn receive(mut request: Request, works: &PictureWorks) -> Result<Received, Unreadable> {
    let content_type = request.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    if content_type.is_some_and(|value| value.starts_with(b"multipart/form-data")) {
        DefaultBodyLimit::max(BODY_MAX_BYTES).apply(&mut request);
        let multipart = Multipart::from_request(request, &()).await.map_err(|_| Unreadable::NotAForm)?;
        return receive_parts(multipart, works).await;
    }
    DefaultBodyLimit::max(TEXTS_MAX_BYTES).apply(&mut request);
    let form = Form::<SubmissionForm>::from_request(request, &()).await;
    let Form(form) = form.map_err(|rejection| unreadable(rejection.status()))?;
    Ok(Received { form, pictures: Vec::new(), is_busy: false, _memory: None })
}

async fn receive_parts(mut parts: Multipart, works: &PictureWorks) -> Result<Received, Unreadable> {
    let mut form = SubmissionForm::default();
    let mut texts_bytes = 0;
    let mut pictures = Pictures::default();
    while let Some(part) = parts.next_field().await.map_err(|error| of_part(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "pictures" {
            pictures.receive(part, works).await?;
        } else {
            let text = receive_text(part, TEXTS_MAX_BYTES - texts_bytes).await?;
            texts_bytes += text.len();
            form.set(&name, text);
        }
    }
    form.pictures_sent = pictures.sent;
    Ok(Received { form, pictures: pictures.files, is_busy: pictures.is_busy, _memory: pictures.memory })
}

async fn receive_text(mut part: Field<'_>, bytes_max: usize) -> Result<String, Unreadable> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| of_part(&error))? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(Unreadable::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Unreadable::NotAForm)
}

/// The pictures of a body, as far as they are kept.
#[derive(Default)]
struct Pictures {
    files: Vec<Vec<u8>>,
    kept_bytes: usize,
    /// How many the citizen chose.
    sent: usize,
    is_busy: bool,
    memory: Option<OwnedSemaphorePermit>,
}

impl Pictures {
    /// Keeps one byte and one picture more than allowed at most: so much is needed to know that it was too much.
    async fn receive(&mut self, mut part: Field<'_>, works: &PictureWorks) -> Result<(), Unreadable> {
        let is_named = part.file_name().is_some_and(|name| !name.is_empty());
        let mut file = Vec::new();
        let mut is_empty = true;
        while let Some(chunk) = part.chunk().await.map_err(|error| of_part(&error))? {
            if chunk.is_empty() {
                continue;
            }
            is_empty = false;
            if self.files.len() > PICTURES_MAX || !self.has_memory(works) {
                continue;
            }
            let room = (PICTURES_MAX_BYTES + 1).saturating_sub(self.kept_bytes);
            let kept = &chunk[..chunk.len().min(room)];
            self.kept_bytes += kept.len();
            file.extend_from_slice(kept);
        }
        // A form without a picture has one part, without a name and without content.
        if is_empty && !is_named {
            return Ok(());
        }
        self.sent += 1;
        if self.files.len() <= PICTURES_MAX && !self.is_busy {
            self.files.push(file);
        }
        Ok(())
    }

    fn has_memory(&mut self, works: &PictureWorks) -> bool {
        if self.memory.is_none() && !self.is_busy {
            match works.reserve_mib(KEPT_MIB) {
                Ok(memory) => self.memory = Some(memory),
                Err(_) => self.is_busy = true,
            }
        }
        self.memory.is_some()
    }
}

fn of_part(error: &MultipartError) -> Unreadable {
    unreadable(error.status())
}

fn unreadable(status: StatusCode) -> Unreadable {
    if status == StatusCode::PAYLOAD_TOO_LARGE { Unreadable::TooLarge } else { Unreadable::NotAForm }
}
