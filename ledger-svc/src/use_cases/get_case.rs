//! One case from the first word to the last: its account, its leaves, and the texts that may be shown.
//!
//! The decision what may be shown is [`crate::domain::account::Account::publicity`]; a text that may not leaves this
//! file as its commitment alone.

use std::collections::HashMap;

use huying_platform::ids::CaseId;
use huying_proto::events::v1::Publication;
use sqlx::{PgConnection, PgPool};

use super::ReadError;
use crate::{
    domain::{
        account::{Account, Publicity},
        leaf::{Leaf, PICTURE_NAME},
        merging::Merges,
    },
    store,
};

/// Cases that are named with the one they are part of; a matter that moves a whole town has more, and its number says so.
pub const ABSORBED_MAX: usize = 50;

/// A case as the public may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseView {
    /// How it stands.
    pub account: Account,
    /// Its title, where public.
    pub title: Option<String>,
    /// The case it goes on as part of, or was closed with.
    pub merged_into: Option<RelatedCase>,
    /// The first [`ABSORBED_MAX`] of the cases that go on as part of it.
    pub absorbed: Vec<RelatedCase>,
    /// Its lines by version, from 1.
    pub lines: Vec<LineView>,
}

/// Another case that this one goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedCase {
    /// Which.
    pub case_id: CaseId,
    /// Its title, where public.
    pub title: Option<String>,
}

/// One leaf and the texts beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// Place in the tree, from 0.
    pub leaf_index: u64,
    /// The leaf, byte for byte.
    pub json: String,
    /// The leaf, read.
    pub leaf: Leaf<'static>,
    /// The texts it commits to, in the order of their names.
    pub texts: Vec<TextView>,
}

/// A text or the id of a picture, or its commitment alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextView {
    /// Its name.
    pub name: String,
    /// Hex.
    pub commitment: String,
    /// Text and salt, where they are public.
    pub shown: Option<ShownText>,
    /// Text and salt have been deleted for good.
    pub erased: bool,
}

/// A public text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownText {
    /// The text.
    pub text: String,
    /// Key of the commitment, 32 bytes.
    pub salt: Vec<u8>,
}

impl TextView {
    /// Is it the id of a picture?
    pub fn is_picture(&self) -> bool {
        self.name.starts_with(PICTURE_NAME)
    }
}

impl LineView {
    /// A text of the line, if public.
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self.texts.iter().find(|text| text.name == name)?;
        text.shown.as_ref().map(|shown| shown.text.as_str())
    }
}

/// Reads a case, in one view of the log.
///
/// # Errors
/// [`ReadError::CaseNotFound`], [`ReadError::CorruptLeaf`], [`ReadError::Sql`].
pub async fn get_case(db: &PgPool, case_id: CaseId) -> Result<CaseView, ReadError> {
    let mut transaction = db.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *transaction)
        .await?;
    let account =
        store::cases::get(&mut transaction, case_id).await?.ok_or(ReadError::CaseNotFound(case_id))?;
    let leaves = store::log::leaves_of(&mut transaction, case_id).await?;
    let publicity = account.publicity();
    // Texts that may not be shown are not even read, but for those of a declined case beside the explanation.
    let texts = match publicity {
        Publicity::Everything | Publicity::ExplanationOnly => {
            store::texts::of_case(&mut transaction, case_id).await?
        }
        Publicity::Nothing => Vec::new(),
    };
    let mut texts: HashMap<(u64, String), ShownText> = texts
        .into_iter()
        .filter(|kept| publicity.shows(&kept.name))
        .map(|kept| ((kept.case_version, kept.name), ShownText { text: kept.text, salt: kept.salt }))
        .collect();
    let mut lines = Vec::with_capacity(leaves.len());
    for kept in leaves {
        let corrupt = || ReadError::CorruptLeaf(kept.leaf_index);
        let json = String::from_utf8(kept.leaf).map_err(|_| corrupt())?;
        let leaf: Leaf<'static> = serde_json::from_str(&json).map_err(|_| corrupt())?;
        let texts = leaf
            .commitments
            .iter()
            .map(|(name, commitment)| TextView {
                name: name.to_string(),
                commitment: commitment.clone(),
                shown: texts.remove(&(kept.case_version, name.to_string())),
                erased: account.is_erased(kept.case_version, name),
            })
            .collect();
        lines.push(LineView { leaf_index: kept.leaf_index, json, leaf, texts });
    }
    let merges = Merges::of(lines.iter().map(|line| &line.leaf));
    let (mut merged_into, absorbed) = related(&mut transaction, &merges).await?;
    transaction.commit().await?;

    if let (Publication::StatusOnly, Some(into)) = (account.publication, &mut merged_into) {
        // The other title would tell what this citizen did not want told.
        into.title = None;
    }
    let title = lines.first().and_then(|line| line.text("title")).map(str::to_owned);
    Ok(CaseView { account, title, merged_into, absorbed, lines })
}

/// The cases that a case goes on with, each with its title where its own citizen allowed that.
async fn related(
    connection: &mut PgConnection,
    merges: &Merges,
) -> Result<(Option<RelatedCase>, Vec<RelatedCase>), ReadError> {
    let case_ids: Vec<CaseId> =
        merges.into.iter().chain(merges.absorbed.iter().take(ABSORBED_MAX)).copied().collect();
    if case_ids.is_empty() {
        return Ok((None, Vec::new()));
    }
    let accounts = store::cases::load(connection, &case_ids).await?;
    let public = accounts.values().filter(|account| account.publicity().shows("title"));
    let public: Vec<CaseId> = public.map(|account| account.case_id).collect();
    let mut titles = store::texts::titles(connection, &public).await?;
    let mut related = |case_id: &CaseId| RelatedCase { case_id: *case_id, title: titles.remove(case_id) };
    let into = merges.into.as_ref().map(&mut related);
    Ok((into, merges.absorbed.iter().take(ABSORBED_MAX).map(related).collect()))
}
