//! All cases that a filter matches, latest submission first, a page at a time.
//!
//! Each page is one view of the account, and the export as a whole is not: what happens to a case after its page was read
//! is not in it, and each case says at which version it was read. No case is left out or told twice, because the place of
//! a case in the order never changes; but one that the filter begins or ceases to match meanwhile may be in it or not,
//! and so may one that is submitted meanwhile. A case of which it cannot be read how it stands ends the export with an
//! error: without it the rest would not be the whole.

use std::sync::Arc;

use futures_util::{Stream, stream};
use huying_platform::ids::CaseId;

use super::ReadError;
use crate::{
    domain::{account::Account, case_filter::CaseFilter},
    exporting::Exports,
    store::{self, cases::LatestPlace},
};

/// A case of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedCase {
    /// How it stands.
    pub account: Account,
    /// Its title, where public.
    pub title: Option<String>,
}

/// The cases, page by page. Ends at the first error.
pub fn export_cases(
    exports: Arc<Exports>,
    filter: CaseFilter,
) -> impl Stream<Item = Result<Vec<ExportedCase>, ReadError>> + Send + 'static {
    let filter = Arc::new(filter);
    stream::try_unfold(Next::First, move |next| {
        let (exports, filter) = (Arc::clone(&exports), Arc::clone(&filter));
        async move {
            let after = match next {
                Next::First => None,
                Next::After(place) => Some(place),
                Next::Nothing => return Ok(None),
            };
            let page = read_page(&exports, &filter, after).await?;
            let is_full = page.len() >= exports.bounds.page_rows as usize;
            let next = match page.last().map(|case| &case.account) {
                Some(last) if is_full => {
                    Next::After(LatestPlace { submitted_at: last.submitted_at, case_id: last.case_id })
                }
                Some(_) | None => Next::Nothing,
            };
            Ok(Some((page, next)))
        }
    })
}

/// Where the export goes on.
enum Next {
    First,
    After(LatestPlace),
    Nothing,
}

async fn read_page(
    exports: &Exports,
    filter: &CaseFilter,
    after: Option<LatestPlace>,
) -> Result<Vec<ExportedCase>, ReadError> {
    let mut view = exports.view().await?;
    let placed = store::cases::list(&mut view.transaction, filter, after, exports.bounds.page_rows).await?;
    let accounts: Vec<Account> = placed
        .into_iter()
        .map(|placed| placed.account.ok_or(ReadError::CorruptAccount(placed.case_id)))
        .collect::<Result<_, _>>()?;
    let public: Vec<CaseId> = accounts
        .iter()
        .filter(|account| account.publicity().shows("title"))
        .map(|account| account.case_id)
        .collect();
    let mut titles = store::texts::titles(&mut view.transaction, &public).await?;
    view.transaction.commit().await?;
    let cases =
        accounts.into_iter().map(|account| ExportedCase { title: titles.remove(&account.case_id), account });
    Ok(cases.collect())
}
