//! Cases, a page at a time, each with its title where that is public: latest submission first, and with a query best match
//! first.
//!
//! Of the cases that match a query, the latest [`RANKED_MAX`] are ranked; where there are more of them, which takes a
//! common word, the others follow, latest first. A page begins after a place in that order. The score of a case depends on
//! nothing but the query and the case, and which cases are ranked is part of the place: so no case comes twice or is left
//! out while others are added.
//!
//! A case of which it cannot be read how it stands is named beside the others ([`CasePage::unreadable`]): one changed row
//! neither ends the list nor leaves it unseen.
//!
//! A title is held against what the log has committed to ([`crate::domain::title`]). What is shown of the other texts is not:
//! the page of the case does that.
//!
//! Whether the texts of a case may be found and shown is asked of the case as it stands, not only of what the search keeps
//! of it, which follows a moment later.

use std::{cmp::Reverse, collections::HashMap};

use huying_platform::ids::CaseId;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::task::spawn_blocking;

use super::ReadError;
use crate::{
    domain::{
        account::{Account, Publicity},
        case_filter::{CaseFilter, Conditions},
        highlight::{self, Fragment},
        ranking::{Score, Scorer},
        search_document::{CaseText, SearchDocument},
        search_query::SearchQuery,
        title::{KeptTitle, ListedTitle},
    },
    store::{
        self,
        cases::{LatestPlace, Placed},
        search::{Checking, Matches, Stretch},
    },
};

/// How many of the cases that match a query are ranked.
pub const RANKED_MAX: usize = 500;

/// How many may be ranked when between two pages more have come in than there were.
const RANKED_LATER_MAX: usize = 2 * RANKED_MAX;

/// How much of what was said later is looked through for an excerpt, the latest first, in bytes: 8,000 Chinese characters,
/// beside title and text of the submission. A case that has its words before those is listed without an excerpt.
const EXCERPTED_MAX_BYTES: usize = 24_000;

/// A page of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePage {
    /// Latest submission first; with a query best match first.
    pub cases: Vec<ListedCase>,
    /// Cases that belong between these, and of which it makes no sense what is kept of how they stand.
    pub unreadable: Vec<CaseId>,
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
    pub title: Option<ListedTitle>,
    /// With a query: the place in its texts that matches best.
    pub fragments: Vec<Fragment>,
}

/// The place of a case in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Among those in the order of their submission.
    Latest(LatestPlace),
    /// Among those that are ranked.
    Best(BestPlace),
}

/// The place of a case among those that are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestPlace {
    /// How well it matches.
    pub score: Score,
    /// Its place among those that match as well.
    pub place: LatestPlace,
    /// The oldest case that is ranked; `None` when all are.
    pub ranked_from: Option<LatestPlace>,
}

/// Reads a page of at most `page_size` cases. One that is not the last may be shorter.
///
/// Ranking and marking take time that is a processor's alone, so the connection is given back before either, and both are
/// done where nobody else waits. The cases of a page are read after the ranking, in a view of their own: what was hidden
/// meanwhile is left out.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn list_cases(
    db: &PgPool,
    filter: &CaseFilter,
    after: Option<Place>,
    page_size: u32,
) -> Result<CasePage, ReadError> {
    let (query, conditions) = filter.split();
    let after = match (query, after) {
        (Some(query), None) => return best_first(db, query, conditions, None, page_size).await,
        (Some(query), Some(Place::Best(after))) => {
            return best_first(db, query, conditions, Some(after), page_size).await;
        }
        (None, None) => None,
        (_, Some(Place::Latest(after) | Place::Best(BestPlace { place: after, .. }))) => Some(after),
    };
    latest_first(db, filter, after, page_size).await
}

async fn latest_first(
    db: &PgPool,
    filter: &CaseFilter,
    after: Option<LatestPlace>,
    page_size: u32,
) -> Result<CasePage, ReadError> {
    let mut view = view(db).await?;
    // One more than asked for tells whether there is a next page.
    let mut placed = store::cases::list(&mut view, filter, after, page_size.saturating_add(1)).await?;
    let has_next = placed.len() > page_size as usize;
    placed.truncate(page_size as usize);
    let last = placed.iter().rev().find_map(|placed| placed.place);
    let next = last.filter(|_| has_next).map(Place::Latest);
    let total = store::cases::count(&mut view, filter).await?;
    page(view, filter.query.as_ref(), placed, next, total).await
}

async fn best_first(
    db: &PgPool,
    query: &SearchQuery,
    conditions: Conditions<'_>,
    after: Option<BestPlace>,
    page_size: u32,
) -> Result<CasePage, ReadError> {
    let mut found = view(db).await?;
    let Candidates { total, places, ranked_from } = candidates(&mut found, query, conditions, after).await?;
    let case_ids: Vec<CaseId> = places.iter().map(|place| place.case_id).collect();
    let documents = store::search::documents(&mut found, &case_ids).await?;
    found.commit().await?;
    let hidden = places.len() - documents.len();
    let asked = query.clone();
    let mut ranked = apart(move || ranked(&asked, places, &documents, ranked_from)).await?;
    if let Some(after) = after {
        ranked.retain(|place| rank(place) > rank(&after));
    }

    let has_more = ranked.len() > page_size as usize;
    ranked.truncate(page_size as usize);
    let next = match ranked.last().filter(|_| has_more) {
        Some(last) => Some(Place::Best(*last)),
        None => ranked_from.map(Place::Latest),
    };
    let mut shown = view(db).await?;
    let case_ids: Vec<CaseId> = ranked.iter().map(|best| best.place.case_id).collect();
    let mut accounts = store::accounts::load(&mut shown, &case_ids).await?;
    let mut placed: Vec<Placed> = ranked
        .iter()
        .map(|BestPlace { place, .. }| Placed {
            case_id: place.case_id,
            place: Some(*place),
            account: accounts.remove(&place.case_id),
        })
        .collect();
    let is_hidden = |account: &Account| account.publicity() == Publicity::Nothing;
    placed.retain(|placed| !placed.account.as_ref().is_some_and(is_hidden));
    page(shown, Some(query), placed, next, total - hidden as u64).await
}

/// One view of the account.
async fn view(db: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
}

/// Work that would keep a thread from others. It fails when the process ends.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> sqlx::Result<T> {
    spawn_blocking(work).await.map_err(|_| sqlx::Error::WorkerCrashed)
}

/// The places of those that have a document, the best first.
fn ranked(
    query: &SearchQuery,
    places: Vec<LatestPlace>,
    documents: &HashMap<CaseId, String>,
    ranked_from: Option<LatestPlace>,
) -> Vec<BestPlace> {
    let scorer = Scorer::new(query);
    let mut ranked: Vec<BestPlace> = places
        .into_iter()
        .filter_map(|place| {
            let score = scorer.score(SearchDocument::fields(documents.get(&place.case_id)?));
            Some(BestPlace { score, place, ranked_from })
        })
        .collect();
    ranked.sort_unstable_by_key(rank);
    ranked
}

/// In which order ranked cases come.
fn rank(place: &BestPlace) -> (Reverse<Score>, Reverse<LatestPlace>) {
    (Reverse(place.score), Reverse(place.place))
}

/// Which cases are ranked.
struct Candidates {
    /// How many match.
    total: u64,
    places: Vec<LatestPlace>,
    /// The oldest of them, where older ones match as well.
    ranked_from: Option<LatestPlace>,
}

/// The latest of the cases that match, or on a later page those that were ranked on the first.
async fn candidates(
    connection: &mut PgConnection,
    query: &SearchQuery,
    conditions: Conditions<'_>,
    after: Option<BestPlace>,
) -> sqlx::Result<Candidates> {
    let until = after.and_then(|after| after.ranked_from);
    let count_max = if after.is_some() { RANKED_LATER_MAX } else { RANKED_MAX };
    // One more tells whether there are older ones.
    let stretch = Stretch { after: None, until, count_max: count_max as u64 + 1 };
    let Matches { total, mut places } =
        store::search::matches(connection, query, conditions, stretch, Checking::ByCaller).await?;
    if places.len() <= count_max {
        return Ok(Candidates { total, places, ranked_from: until });
    }
    places.truncate(count_max);
    let ranked_from = places.last().copied();
    Ok(Candidates { total, places, ranked_from })
}

/// The page of cases in their places, of a view that ends here.
async fn page(
    mut view: Transaction<'static, Postgres>,
    query: Option<&SearchQuery>,
    placed: Vec<Placed>,
    next: Option<Place>,
    total: u64,
) -> Result<CasePage, ReadError> {
    let mut accounts = Vec::with_capacity(placed.len());
    let mut unreadable = Vec::new();
    for Placed { case_id, account, .. } in placed {
        match account {
            Some(account) => accounts.push(account),
            None => unreadable.push(case_id),
        }
    }
    let public: Vec<CaseId> = accounts
        .iter()
        .filter(|account| account.publicity().shows("title"))
        .map(|account| account.case_id)
        .collect();
    let mut titles = store::texts::titles_beside_leaves(&mut view, &public).await?;
    let texts = match query {
        Some(_) => {
            let case_ids: Vec<CaseId> = accounts.iter().map(|account| account.case_id).collect();
            store::search::texts(&mut view, &case_ids, EXCERPTED_MAX_BYTES).await?
        }
        None => HashMap::new(),
    };
    view.commit().await?;
    let mut cases: Vec<ListedCase> = accounts
        .into_iter()
        .map(|account| ListedCase {
            title: titles.remove(&account.case_id).map(KeptTitle::listed),
            fragments: Vec::new(),
            account,
        })
        .collect();
    if let Some(query) = query.cloned() {
        cases = apart(move || {
            for case in &mut cases {
                let texts = texts.get(&case.account.case_id).map_or(&[][..], Vec::as_slice);
                case.fragments = found_in(&query, case, texts);
            }
            cases
        })
        .await?;
    }
    Ok(CasePage { cases, unreadable, next, total })
}

/// The place in a case's public texts that matches best. The title is shown anyway, so it comes last, or not at all where
/// it is not the one that the log has committed to.
fn found_in(query: &SearchQuery, case: &ListedCase, texts: &[CaseText]) -> Vec<Fragment> {
    let is_title = |text: &&CaseText| text.case_version == 1 && text.name == "title";
    let shown = || texts.iter().filter(|text| text.is_findable(&case.account));
    let (first, later): (Vec<_>, Vec<_>) =
        shown().filter(|text| !is_title(text)).partition(|text| text.case_version == 1);
    let title = shown().filter(is_title).filter(|_| case.title != Some(ListedTitle::Otherwise));
    let by_weight = first.into_iter().chain(later.into_iter().rev()).chain(title);
    highlight::excerpt(query, by_weight.map(|text| text.text.as_str()))
}
