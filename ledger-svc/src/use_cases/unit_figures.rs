//! The figures of a unit, with their denominators. Their definitions are those of [`Figures`].

use sqlx::PgPool;

use super::ReadError;
use crate::{domain::figures::Figures, store};

/// Counts the figures of a unit; all zero for one that never had a case.
///
/// # Errors
/// [`ReadError::Sql`].
pub async fn unit_figures(db: &PgPool, unit: &str) -> Result<Figures, ReadError> {
    let mut connection = db.acquire().await?;
    Ok(store::units::figures(&mut connection, unit).await?)
}
