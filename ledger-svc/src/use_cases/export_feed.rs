//! The cases of a filter about which something happened last, for those who follow them.
//!
//! What happened last is what the log has at its end, so the feed is found by going back over the latest leaves, and needs
//! no index of its own on a column that every event changes. Guaranteed: of the matching cases that are in the latest
//! [`LEAVES_MAX`] leaves, those that were updated last. Where these are too few, the latest submissions that match fill
//! up, so that a feed is not empty just because nothing happened lately. A case of which it cannot be read how it stands is
//! left out: a feed tells what is new, and is no list of everything.

use huying_platform::ids::CaseId;
use sqlx::PgPool;

use super::{ReadError, list_cases::ListedCase};
use crate::{
    domain::{account::Account, case_filter::CaseFilter, title::KeptTitle},
    store::{self, cases::Placed},
};

/// How many leaves are looked through at a time, latest first: most feeds find enough in the first few.
const STEPS: [u64; 3] = [1_000, 4_000, 16_000];

/// How far back a feed looks, in leaves.
pub const LEAVES_MAX: u64 = STEPS[0] + STEPS[1] + STEPS[2];

/// At most `count_max` cases, latest update first.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn export_feed(
    db: &PgPool,
    filter: &CaseFilter,
    count_max: u32,
) -> Result<Vec<ListedCase>, ReadError> {
    let mut transaction = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let wanted = count_max as usize;
    let mut before = store::log::tree_size(&mut transaction).await?;
    let mut found: Vec<Account> = Vec::new();
    for step in STEPS {
        if found.len() >= wanted || before == 0 {
            break;
        }
        let first = before.saturating_sub(step);
        let case_ids = store::search::cases_of_leaves(&mut transaction, first, before).await?;
        let more = store::exports::matching(&mut transaction, filter, &case_ids, count_max).await?;
        add(&mut found, more);
        before = first;
    }
    if found.len() < wanted {
        let latest = store::cases::list(&mut transaction, filter, None, count_max).await?;
        add(&mut found, latest);
    }
    found.sort_by_key(|account| std::cmp::Reverse((account.updated_at, account.case_id)));
    found.truncate(wanted);
    let public: Vec<CaseId> = found
        .iter()
        .filter(|account| account.publicity().shows("title"))
        .map(|account| account.case_id)
        .collect();
    let mut titles = store::texts::titles_beside_leaves(&mut transaction, &public).await?;
    transaction.commit().await?;
    let cases = found.into_iter().map(|account| ListedCase {
        title: titles.remove(&account.case_id).map(KeptTitle::listed),
        fragments: Vec::new(),
        account,
    });
    Ok(cases.collect())
}

/// Adds the cases that are not there yet.
fn add(found: &mut Vec<Account>, more: Vec<Placed>) {
    for account in more.into_iter().filter_map(|placed| placed.account) {
        if found.iter().all(|known| known.case_id != account.case_id) {
            found.push(account);
        }
    }
}
