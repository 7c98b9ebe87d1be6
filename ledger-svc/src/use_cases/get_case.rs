//! One case from the first word to the last: its account, its leaves, and the texts that may be shown.
//!
//! The decision what may be shown is [`crate::domain::account::Account::texts_are_public`]; a text that may not leaves
//! this file as its commitment alone.

use std::collections::HashMap;

use huying_platform::ids::CaseId;
use sqlx::PgPool;

use super::ReadError;
use crate::{
    domain::{account::Account, leaf::Leaf},
    store,
};

/// A case as the public may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseView {
    /// How it stands.
    pub account: Account,
    /// Its title, where public.
    pub title: Option<String>,
    /// Its lines by version, from 1.
    pub lines: Vec<LineView>,
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

/// A text, or its commitment alone.
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
    // Texts that may not be shown are not even read.
    let texts = match account.texts_are_public() {
        true => store::texts::of_case(&mut transaction, case_id).await?,
        false => Vec::new(),
    };
    transaction.commit().await?;

    let mut texts: HashMap<(u64, String), ShownText> = texts
        .into_iter()
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
    let title = lines.first().and_then(|line| line.text("title")).map(str::to_owned);
    Ok(CaseView { account, title, lines })
}
