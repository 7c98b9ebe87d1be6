//! Takes in what routing-svc has decided: how cases stand, replies, refusals of citizens' requests.
//!
//! One transaction and a few statements a batch, however many events there are. Versions make doubled and late events
//! harmless, so there is no inbox.

use huying_platform::ids::EventId;
use sqlx::PgPool;

use crate::{
    domain::standing::{Told, collapse},
    store::{case_status, refusals},
};

/// What a batch of routing's events says.
#[derive(Debug, Default)]
pub struct News {
    /// How cases stand.
    pub standings: Vec<Told>,
    /// Refused requests, and why in a sentence.
    pub refusals: Vec<(EventId, String)>,
}

/// Takes in a batch.
///
/// # Errors
/// When a statement or the commit fails; the batch may come again.
pub async fn follow_case(db: &PgPool, news: News) -> sqlx::Result<()> {
    let changes = collapse(news.standings);
    let mut transaction = db.begin().await?;
    case_status::apply(&mut transaction, &changes).await?;
    refusals::note_refusals(&mut transaction, &news.refusals).await?;
    transaction.commit().await
}
