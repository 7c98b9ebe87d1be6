//! The texts of events: what a leaf commits to and does not have.

use std::borrow::Cow;

use huying_platform::redact;
use huying_proto::events::v1::{Part, Picture, event::Body};

use super::Salt;
use crate::domain::event::{CaseEvent, PARTS_MAX, PICTURES_MAX};

/// Texts that one event has at most: the note of an assignment and the tasks of its parts.
pub const TEXTS_MAX: usize = 1 + PARTS_MAX;

/// A submission, with the most texts besides, has title, body and pictures.
const _: () = assert!(2 + PICTURES_MAX <= TEXTS_MAX);

/// How the names of pictures begin; their place in the event follows, from 1.
pub const PICTURE_NAME: &str = "picture_";

/// How the names of what parts are asked begin; the number of the part follows.
pub const TASK_NAME: &str = "task_";

/// A text that stands beside a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaltedText {
    /// Name in the leaf's commitments.
    pub name: Cow<'static, str>,
    /// The text, personal data masked; of a picture its id.
    pub text: String,
    /// Key of the commitment.
    pub salt: Salt,
}

/// A text of an event.
pub(super) struct Said<'a> {
    /// Name in the leaf's commitments.
    pub(super) name: Cow<'static, str>,
    text: &'a str,
    author: Author,
}

/// Who wrote a text: citizens' texts come masked from intake, those of units and representatives are masked here. The
/// id of a picture is written by nobody, and a masked one would name no picture.
#[derive(Clone, Copy)]
enum Author {
    Citizen,
    Unit,
    Nobody,
}

impl Said<'_> {
    /// The text as it is committed to and kept.
    pub(super) fn masked(&self) -> String {
        let text = match self.author {
            Author::Citizen | Author::Nobody => self.text.to_owned(),
            Author::Unit => redact::official_text(self.text),
        };
        // PostgreSQL keeps no NUL in texts, and the commitment must be over what is kept.
        if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
    }
}

/// The texts of an event, under the names their commitments have. An empty text is none.
pub(super) fn of(event: &CaseEvent) -> Vec<Said<'_>> {
    let citizen = |name, text| said(name, text, Author::Citizen);
    let unit = |name, text| said(name, text, Author::Unit);
    let mut texts = match &event.body {
        Body::CaseSubmitted(submitted) => {
            let mut texts = vec![citizen("title", &event.header.title), citizen("body", &submitted.body)];
            texts.extend(pictures(&submitted.pictures));
            texts
        }
        Body::CaseAssigned(assigned) => {
            let mut texts = vec![unit("note", &assigned.note)];
            texts.extend(assigned.parts.iter().map(task));
            texts
        }
        Body::PartAssigned(assigned) => assigned.part.iter().map(task).collect(),
        Body::CaseDelegated(delegated) => vec![unit("reason", &delegated.reason)],
        Body::CaseEscalated(escalated) => vec![unit("reason", &escalated.reason)],
        Body::CaseReturned(returned) => vec![unit("legal_basis", &returned.legal_basis)],
        Body::ProgressReported(reported) => with_pictures(unit("text", &reported.text), &reported.pictures),
        Body::PartAnswered(answered) => with_pictures(unit("text", &answered.text), &answered.pictures),
        Body::CaseReplied(replied) => with_pictures(unit("text", &replied.text), &replied.pictures),
        Body::CaseRated(rated) => vec![citizen("comment", &rated.comment)],
        Body::CaseReopened(reopened) => vec![unit("reason", &reopened.reason)],
        Body::CaseClosed(closed) => vec![unit("note", &closed.note)],
        Body::CaseDeclined(declined) => vec![unit("explanation", &declined.explanation)],
        Body::CaseTransferred(transferred) => vec![unit("reason", &transferred.reason)],
        Body::CaseClaimed(claimed) => vec![unit("note", &claimed.note)],
        Body::PartWaived(waived) => vec![unit("reason", &waived.reason)],
        Body::ExtensionRequested(requested) => vec![unit("reason", &requested.reason)],
        Body::ExtensionGranted(granted) => vec![unit("note", &granted.note)],
        Body::ExtensionRefused(refused) => vec![unit("reason", &refused.reason)],
        Body::CaseUrged(urged) => vec![unit("text", &urged.text)],
        Body::CaseSupervised(supervised) => vec![unit("demand", &supervised.demand)],
        Body::CriticismCirculated(criticism) => vec![unit("text", &criticism.text)],
        Body::CaseMerged(merged) => vec![unit("reason", &merged.reason)],
        Body::CaseUnmerged(unmerged) => vec![unit("reason", &unmerged.reason)],
        // Under a name of its own: it is the citizen's, and goes with the private part.
        Body::CaseWithdrawn(withdrawn) => vec![citizen("withdrawal_reason", &withdrawn.reason)],
        Body::ClocksRecomputed(recomputed) => vec![unit("reason", &recomputed.reason)],
        Body::PrivatePartRead(read) => vec![unit("purpose", &read.purpose)],
        Body::PrivatePartErased(erased) => vec![unit("ground", &erased.ground)],
        Body::CaseQueued(_)
        | Body::CaseRegistered(_)
        | Body::CaseAccepted(_)
        | Body::CaseClassified(_)
        | Body::CaseAbsorbed(_)
        | Body::CaseSplitOff(_)
        | Body::DeadlineNear(_)
        | Body::DeadlineExpired(_)
        | Body::RatingRequested(_)
        | Body::PrivateReadRequested(_)
        | Body::ErasureRequested(_)
        | Body::WithdrawalRequested(_)
        | Body::RequestRefused(_) => vec![],
    };
    texts.retain(|said| !said.text.is_empty());
    texts
}

fn said<'a>(name: &'static str, text: &'a str, author: Author) -> Said<'a> {
    Said { name: Cow::Borrowed(name), text, author }
}

fn task(part: &Part) -> Said<'_> {
    Said {
        name: Cow::Owned(format!("{TASK_NAME}{}", part.part_number)),
        text: &part.task,
        author: Author::Unit,
    }
}

fn pictures(pictures: &[Picture]) -> impl Iterator<Item = Said<'_>> {
    (1_u32..).zip(pictures).map(|(place, picture)| Said {
        name: Cow::Owned(format!("{PICTURE_NAME}{place}")),
        text: &picture.picture_id,
        author: Author::Nobody,
    })
}

fn with_pictures<'a>(text: Said<'a>, of: &'a [Picture]) -> Vec<Said<'a>> {
    std::iter::once(text).chain(pictures(of)).collect()
}
