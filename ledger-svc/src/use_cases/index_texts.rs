//! Makes the public texts of cases findable, after they have been appended and apart from it: segmenting them takes time
//! that the sequencer does not have.
//!
//! Life of a word: 1. A text is committed with its leaf. 2. [`index_texts`], on whichever replica has the cursor's row, looks
//! at the leaves that came since, and draws the document of each of their cases anew from the account and the texts as they
//! are now. 3. With its commit the case is found by the word. 4. When the text is erased, or the case shows it no more, the
//! leaf that says so has the document drawn without it; until then the account forbids to find it.
//!
//! The leaves' indices are committed in their order, so a cursor over them skips nothing. The words of deleted and replaced
//! rows leave the table with PostgreSQL's vacuum, as deleted texts do.

use sqlx::{PgConnection, PgPool};
use tokio::task::spawn_blocking;

use huying_platform::ids::CaseId;

use crate::{
    domain::{
        account::{Account, Publicity},
        search_document::{self, CaseText, LATER_MAX_BYTES, SearchDocument},
        segmentation::FORMAT,
    },
    store::{
        self,
        search::{Cursor, Entry, EntryHead, SearchRow},
    },
};

/// Leaves that are followed in one transaction.
const LEAVES_MAX: u64 = 512;

/// Cases whose texts are in memory, and whose words wait to be taken up by the index, at once.
const CASES_MAX: usize = 100;

/// Characters of a case's texts up to which its entry is drawn again whenever somebody reads the case: a millisecond's work.
pub const DRAWN_MAX_CHARS: usize = 4_000;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexed {
    /// Some leaves were followed, or there were none.
    Followed {
        /// Leaves that were followed.
        leaves: u64,
        /// Leaves that are still to be followed.
        leaves_behind: u64,
    },
    /// Another replica is at it, or a newer version has been.
    ByAnother,
}

/// Follows the next leaves.
///
/// # Errors
/// When a statement fails; then nothing has changed.
pub async fn index_texts(db: &PgPool) -> sqlx::Result<Indexed> {
    let mut transaction = db.begin().await?;
    let connection = &mut *transaction;
    let Some(cursor) = store::search::try_lock_cursor(connection).await? else {
        return Ok(Indexed::ByAnother);
    };
    if cursor.format > FORMAT {
        return Ok(Indexed::ByAnother);
    }
    let first = if cursor.format == FORMAT { cursor.next_leaf } else { 0 };
    let tree_size = store::log::tree_size(connection).await?;
    let end = tree_size.min(first + LEAVES_MAX);
    if first == end && cursor.format == FORMAT {
        return Ok(Indexed::Followed { leaves: 0, leaves_behind: 0 });
    }
    let case_ids = store::search::cases_of_leaves(connection, first, end).await?;
    for case_ids in case_ids.chunks(CASES_MAX) {
        refresh(connection, case_ids).await?;
    }
    store::search::set_cursor(connection, Cursor { format: FORMAT, next_leaf: end }).await?;
    transaction.commit().await?;
    Ok(Indexed::Followed { leaves: end - first, leaves_behind: tree_size - end })
}

/// Draws the search entries of cases anew, in the caller's transaction, and returns those that were not as they should have
/// been. Cases that [`index_texts`] has yet to look at are brought up to date and are not among them.
///
/// The cursor stays locked until the end of the transaction, so that what is drawn here is never older than what is there.
///
/// # Errors
/// When a statement fails. In a transaction that repeats its reads, also when the cursor has moved since it began.
pub async fn reindex_cases(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<Vec<CaseId>> {
    let cursor = store::search::lock_cursor(connection).await?;
    let pending = match cursor.format == FORMAT {
        true => store::search::cases_with_leaves_from(connection, case_ids, cursor.next_leaf).await?,
        false => case_ids.to_vec(),
    };
    let mut mended = Vec::new();
    for case_ids in case_ids.chunks(CASES_MAX) {
        let drawn = drawn(load(connection, case_ids).await?).await?;
        let kept = store::search::drawn_from(connection, case_ids).await?;
        let same = store::search::same(connection, &drawn).await?;
        let wrong: Vec<SearchRow> =
            drawn.iter().filter(|row| !same.contains(&row.case_id)).cloned().collect();
        let mut gone: Vec<CaseId> = kept.into_keys().collect();
        gone.retain(|case_id| drawn.iter().all(|row| row.case_id != *case_id));
        store(connection, &wrong, &gone).await?;
        mended.extend(wrong.iter().map(|row| row.case_id).chain(gone));
    }
    mended.retain(|case_id| !pending.contains(case_id));
    Ok(mended)
}

/// Is the search entry of a case what its texts say? True as well while [`index_texts`] has yet to look at its last leaf. In a
/// transaction that repeats its reads; `account` is how the case stands by its lines.
///
/// What the entry says of itself, and so what it was drawn from, is always looked at. Of a case whose texts have no more than
/// [`DRAWN_MAX_CHARS`] the entry itself is drawn again, for its words can be changed alone.
///
/// # Errors
/// When a statement fails.
pub async fn entry_is_right(
    connection: &mut PgConnection,
    account: &Account,
    last_leaf: u64,
) -> sqlx::Result<bool> {
    let mut texts = store::search::texts(connection, &[account.case_id], LATER_MAX_BYTES).await?;
    let texts = texts.remove(&account.case_id).unwrap_or_default();
    let digest = search_document::digest(account, &texts);
    let head = EntryHead {
        case_id: account.case_id,
        submitted_at: account.submitted_at,
        publicity: search_document::publicity_number(account.publicity()),
        erased_before: account.erased_before,
        drawn_from: digest,
    };
    let (cursor, entry) = store::search::entry_says(connection, &head).await?;
    if cursor.format != FORMAT || cursor.next_leaf <= last_leaf {
        return Ok(true);
    }
    match (account.publicity(), entry) {
        (Publicity::Nothing, entry) => return Ok(entry == Entry::Missing),
        (Publicity::Everything | Publicity::ExplanationOnly, Entry::Missing | Entry::Otherwise) => {
            return Ok(false);
        }
        (Publicity::Everything | Publicity::ExplanationOnly, Entry::AsItShould) => {}
    }
    if texts.iter().map(|text| text.text.chars().count()).sum::<usize>() > DRAWN_MAX_CHARS {
        return Ok(true);
    }
    let drawn = drawn(vec![Source { account: account.clone(), texts, digest }]).await?;
    Ok(store::search::same(connection, &drawn).await?.len() == drawn.len())
}

/// Draws what is not drawn from the same already.
async fn refresh(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<()> {
    let kept = store::search::drawn_from(connection, case_ids).await?;
    let mut sources = load(connection, case_ids).await?;
    let is_public = |source: &Source| source.account.publicity() != Publicity::Nothing;
    let gone: Vec<CaseId> = sources
        .iter()
        .filter(|source| !is_public(source) && kept.contains_key(&source.account.case_id))
        .map(|source| source.account.case_id)
        .collect();
    sources.retain(|source| {
        let same = kept.get(&source.account.case_id).is_some_and(|kept| *kept == source.digest);
        is_public(source) && !same
    });
    let rows = drawn(sources).await?;
    store(connection, &rows, &gone).await
}

/// What a document is drawn from.
struct Source {
    account: Account,
    texts: Vec<CaseText>,
    digest: [u8; 32],
}

/// What documents are drawn from, as much of it as they can have.
///
/// The accounts first: a text that is gone when the texts are read is not in the document, and one that is still there
/// although it is erased is in a document of an account before the erasure, which is not found.
async fn load(connection: &mut PgConnection, case_ids: &[CaseId]) -> sqlx::Result<Vec<Source>> {
    let accounts = store::accounts::load(connection, case_ids).await?;
    let mut texts = store::search::texts(connection, case_ids, LATER_MAX_BYTES).await?;
    let sources = accounts.into_values().map(|account| {
        let texts = texts.remove(&account.case_id).unwrap_or_default();
        let digest = search_document::digest(&account, &texts);
        Source { account, texts, digest }
    });
    Ok(sources.collect())
}

/// The rows of those that show anything. Segmenting takes a while, so it is done where nobody else waits.
async fn drawn(sources: Vec<Source>) -> sqlx::Result<Vec<SearchRow>> {
    let rows = move || {
        let rows = sources.into_iter().filter_map(|Source { account, texts, digest }| {
            let document = SearchDocument::of(&account, &texts)?;
            Some(SearchRow {
                case_id: account.case_id,
                submitted_at: account.submitted_at,
                publicity: search_document::publicity_number(account.publicity()),
                erased_before: account.erased_before,
                drawn_from: digest,
                lexemes: document.lexemes(),
                document,
            })
        });
        rows.collect()
    };
    // It fails when the process ends.
    spawn_blocking(rows).await.map_err(|_| sqlx::Error::WorkerCrashed)
}

async fn store(connection: &mut PgConnection, rows: &[SearchRow], gone: &[CaseId]) -> sqlx::Result<()> {
    if !gone.is_empty() {
        store::search::remove(connection, gone).await?;
    }
    if !rows.is_empty() {
        store::search::save(connection, rows).await?;
    }
    Ok(())
}
