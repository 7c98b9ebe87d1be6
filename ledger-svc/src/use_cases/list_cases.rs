//! Cases, a page at a time, each with its title where that is public: latest submission first, and with a query best match
//! first.
//!
//! Of the cases that match a query, the latest [`RANKED_MAX`] are ranked; where there are more of them, which takes a
//! common word, the others follow, latest first. A page begins after a place in that order. The score of a case depends on
//! nothing but the query and the case, and which cases are ranked is part of the place: so no case comes twice or is left
//! out while others are added.
//!
//! Whether the texts of a case may be found and shown is asked of the case as it stands, not only of what the search keeps
//! of it, which follows a moment later.

use std::{cmp::Reverse, collections::HashMap};

use huying_platform::ids::CaseId;
use sqlx::{PgConnection, PgPool};

use super::ReadError;
use crate::{
    domain::{
        account::Account,
        case_filter::CaseFilter,
        highlight::{self, Fragment},
        ranking::{Score, Scorer},
        search_document::{CaseText, SearchDocument},
        search_query::SearchQuery,
    },
    store::{
        self,
        cases::LatestPlace,
        search::{Checking, Matches, Stretch},
    },
};

/// How many of the cases that match a query are ranked.
pub const RANKED_MAX: usize = 500;

/// How many may be ranked when between two pages more have come in than there were.
const RANKED_LATER_MAX: usize = 2 * RANKED_MAX;

/// A page of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePage {
    /// Latest submission first; with a query best match first.
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
/// # Errors
/// [`ReadError::Sql`].
pub async fn list_cases(
    db: &PgPool,
    filter: &CaseFilter,
    after: Option<Place>,
    page_size: u32,
) -> Result<CasePage, ReadError> {
    let mut transaction = db.begin().await?;
    let connection = &mut *transaction;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *connection)
        .await?;
    let page = match (&filter.query, after) {
        (Some(query), None) => best_first(connection, filter, query, None, page_size).await?,
        (Some(query), Some(Place::Best(after))) => {
            best_first(connection, filter, query, Some(after), page_size).await?
        }
        (None, None) => latest_first(connection, filter, None, page_size).await?,
        (_, Some(Place::Latest(after) | Place::Best(BestPlace { place: after, .. }))) => {
            latest_first(connection, filter, Some(after), page_size).await?
        }
    };
    transaction.commit().await?;
    Ok(page)
}

async fn latest_first(
    connection: &mut PgConnection,
    filter: &CaseFilter,
    after: Option<LatestPlace>,
    page_size: u32,
) -> sqlx::Result<CasePage> {
    // One more than asked for tells whether there is a next page.
    let mut accounts = store::cases::list(connection, filter, after, page_size.saturating_add(1)).await?;
    let has_next = accounts.len() > page_size as usize;
    accounts.truncate(page_size as usize);
    let next = accounts
        .last()
        .filter(|_| has_next)
        .map(|last| Place::Latest(LatestPlace { submitted_at: last.submitted_at, case_id: last.case_id }));
    let total = store::cases::count(connection, filter).await?;
    Ok(CasePage { cases: listed(connection, filter, accounts).await?, next, total })
}

async fn best_first(
    connection: &mut PgConnection,
    filter: &CaseFilter,
    query: &SearchQuery,
    after: Option<BestPlace>,
    page_size: u32,
) -> sqlx::Result<CasePage> {
    let Candidates { total, places, ranked_from } = candidates(connection, filter, query, after).await?;

    let case_ids: Vec<CaseId> = places.iter().map(|place| place.case_id).collect();
    let documents = store::search::documents(connection, &case_ids).await?;
    let hidden = places.len() - documents.len();
    let scorer = Scorer::new(query);
    let mut ranked: Vec<BestPlace> = places
        .into_iter()
        .filter_map(|place| {
            let score = scorer.score(SearchDocument::fields(documents.get(&place.case_id)?));
            Some(BestPlace { score, place, ranked_from })
        })
        .collect();
    ranked.sort_unstable_by_key(rank);
    if let Some(after) = after {
        ranked.retain(|place| rank(place) > rank(&after));
    }

    let has_more = ranked.len() > page_size as usize;
    ranked.truncate(page_size as usize);
    let next = match ranked.last().filter(|_| has_more) {
        Some(last) => Some(Place::Best(*last)),
        None => ranked_from.map(Place::Latest),
    };
    let mut accounts =
        store::accounts::load(connection, &ranked.iter().map(|best| best.place.case_id).collect::<Vec<_>>())
            .await?;
    let accounts = ranked.iter().filter_map(|best| accounts.remove(&best.place.case_id)).collect();
    let cases = listed(connection, filter, accounts).await?;
    Ok(CasePage { cases, next, total: total - hidden as u64 })
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
    filter: &CaseFilter,
    query: &SearchQuery,
    after: Option<BestPlace>,
) -> sqlx::Result<Candidates> {
    let until = after.and_then(|after| after.ranked_from);
    let count_max = if after.is_some() { RANKED_LATER_MAX } else { RANKED_MAX };
    // One more tells whether there are older ones.
    let stretch = Stretch { after: None, until, count_max: count_max as u64 + 1 };
    let Matches { total, mut places } =
        store::search::matches(connection, filter, query, stretch, Checking::ByCaller).await?;
    if places.len() <= count_max {
        return Ok(Candidates { total, places, ranked_from: until });
    }
    places.truncate(count_max);
    let ranked_from = places.last().copied();
    Ok(Candidates { total, places, ranked_from })
}

/// The accounts with their titles, and where the query was found.
async fn listed(
    connection: &mut PgConnection,
    filter: &CaseFilter,
    accounts: Vec<Account>,
) -> sqlx::Result<Vec<ListedCase>> {
    let public: Vec<CaseId> = accounts
        .iter()
        .filter(|account| account.publicity().shows("title"))
        .map(|account| account.case_id)
        .collect();
    let mut titles = store::texts::titles(connection, &public).await?;
    let texts = match filter.query {
        Some(_) => {
            let case_ids: Vec<CaseId> = accounts.iter().map(|account| account.case_id).collect();
            store::search::texts(connection, &case_ids).await?
        }
        None => HashMap::new(),
    };
    let listed = accounts.into_iter().map(|account| ListedCase {
        title: titles.remove(&account.case_id),
        fragments: match (&filter.query, texts.get(&account.case_id)) {
            (Some(query), Some(texts)) => found_in(query, &account, texts),
            (Some(_), None) | (None, _) => Vec::new(),
        },
        account,
    });
    Ok(listed.collect())
}

/// The place in a case's public texts that matches best. The title is shown anyway, so it comes last.
fn found_in(query: &SearchQuery, account: &Account, texts: &[CaseText]) -> Vec<Fragment> {
    let is_title = |text: &&CaseText| text.case_version == 1 && text.name == "title";
    let shown = || texts.iter().filter(|text| text.is_findable(account));
    let (first, later): (Vec<_>, Vec<_>) =
        shown().filter(|text| !is_title(text)).partition(|text| text.case_version == 1);
    let by_weight = first.into_iter().chain(later.into_iter().rev()).chain(shown().filter(is_title));
    highlight::excerpt(query, by_weight.map(|text| text.text.as_str()))
}
