//! All texts that may be shown, with the salts of their commitments, by case, version and name, a page at a time.
//!
//! Which may be shown is decided by [`crate::domain::account::Account::publicity`], in the same view of the account in
//! which the page is read; others are not even read. The export as a whole is not one view: a text that is erased, or
//! whose case ceases to be public, after its page was read is in it. Texts of a case of which it cannot be read how it
//! stands end the export with an error: nobody can say whether they may be shown, and without them the rest is no whole.

use std::sync::Arc;

use futures_util::{Stream, stream};
use huying_platform::ids::CaseId;

use super::ReadError;
use crate::{
    exporting::Exports,
    store::{self, exports::TextKey, texts::KeptText},
};

/// Most bytes of texts read at once, but for a single one that has more.
const PAGE_MAX_BYTES: usize = 1_024 * 1_024;

/// A text of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedText {
    /// Case it belongs to.
    pub case_id: CaseId,
    /// The text, its salt, and where its commitment is.
    pub text: KeptText,
}

/// The texts of cases after one, or of all, page by page; a page may be empty and not the last. Cases are in the order of
/// their ids, which is about that of their submission. Ends at the first error.
pub fn export_texts(
    exports: Arc<Exports>,
    after: Option<CaseId>,
) -> impl Stream<Item = Result<Vec<ExportedText>, ReadError>> + Send + 'static {
    // No version is beyond this one, so all texts of the case are before it.
    let after = after.map(|case_id| TextKey { case_id, case_version: u64::MAX, name: String::new() });
    stream::try_unfold(Some(after), move |next| {
        let exports = Arc::clone(&exports);
        async move {
            let Some(after) = next else { return Ok(None) };
            let (page, next) = read_page(&exports, after.as_ref()).await?;
            Ok(Some((page, next.map(Some))))
        }
    })
}

/// The texts of a page, and where the next one begins.
async fn read_page(
    exports: &Exports,
    after: Option<&TextKey>,
) -> Result<(Vec<ExportedText>, Option<TextKey>), ReadError> {
    let mut view = exports.view().await?;
    let rows_max = exports.bounds.page_rows;
    let keys = store::exports::text_keys(&mut view.transaction, after, rows_max).await?;
    let mut case_ids: Vec<CaseId> = keys.iter().map(|(key, _)| key.case_id).collect();
    case_ids.dedup();
    let accounts = store::accounts::load(&mut view.transaction, &case_ids).await?;
    if let Some(case_id) = case_ids.iter().find(|case_id| !accounts.contains_key(case_id)) {
        return Err(ReadError::CorruptAccount(*case_id));
    }
    let is_full = keys.len() >= rows_max as usize;
    let mut last = None;
    let mut is_cut = false;
    let mut public = Vec::new();
    let mut bytes = 0;
    for (key, size) in keys {
        let is_public = accounts.get(&key.case_id).is_some_and(|account| {
            account.publicity().shows(&key.name) && !account.is_erased(key.case_version, &key.name)
        });
        if is_public && !public.is_empty() && bytes + size > PAGE_MAX_BYTES {
            is_cut = true;
            break;
        }
        last = Some(key.clone());
        if is_public {
            bytes += size;
            public.push(key);
        }
    }
    let texts = store::exports::texts(&mut view.transaction, &public).await?;
    view.transaction.commit().await?;
    let texts = texts.into_iter().map(|(case_id, text)| ExportedText { case_id, text }).collect();
    Ok((texts, last.filter(|_| is_full || is_cut)))
}
