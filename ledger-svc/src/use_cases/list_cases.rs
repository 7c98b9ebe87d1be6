//! Cases, latest submission first, a page at a time, each with its title where that is public.

use huying_platform::ids::CaseId;
use sqlx::PgPool;

use super::ReadError;
use crate::{
    domain::account::Account,
    store::{
        self,
        cases::{CaseFilter, Place},
    },
};

/// A page of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePage {
    /// Latest submission first.
    pub cases: Vec<ListedCase>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Place>,
    /// How many cases the filter matches, counted up to [`store::cases::COUNTED_MAX`].
    pub total: u64,
}

/// A case in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCase {
    /// How it stands.
    pub account: Account,
    /// Its title, where public.
    pub title: Option<String>,
}

/// Reads a page of at most `page_size` cases.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn list_cases(
    db: &PgPool,
    filter: &CaseFilter,
    after: Option<Place>,
    page_size: u32,
) -> Result<CasePage, ReadError> {
    let mut transaction = db.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *transaction)
        .await?;
    // One more than asked for tells whether there is a next page.
    let mut accounts =
        store::cases::list(&mut transaction, filter, after, page_size.saturating_add(1)).await?;
    let has_next = accounts.len() > page_size as usize;
    accounts.truncate(page_size as usize);
    let total = store::cases::count(&mut transaction, filter).await?;
    let public: Vec<CaseId> = accounts
        .iter()
        .filter(|account| account.publicity().shows("title"))
        .map(|account| account.case_id)
        .collect();
    let mut titles = store::texts::titles(&mut transaction, &public).await?;
    transaction.commit().await?;

    let next = accounts
        .last()
        .filter(|_| has_next)
        .map(|last| Place { submitted_at: last.submitted_at, case_id: last.case_id });
    let cases = accounts
        .into_iter()
        .map(|account| ListedCase { title: titles.remove(&account.case_id), account })
        .collect();
    Ok(CasePage { cases, next, total })
}
