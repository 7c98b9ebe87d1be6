//! Shows one version of the rules.

use crate::{
    error::Error,
    service::Service,
    store::rule_sets::{self, RuleSet},
};

/// Reads a version with its rules.csv.
///
/// # Errors
/// [`Error::RuleSetNotFound`], or when it cannot be read.
pub async fn get_rule_set(service: &Service, version: u64) -> Result<(RuleSet, Vec<u8>), Error> {
    let mut connection = service.db.acquire().await?;
    rule_sets::find(&mut connection, version).await?.ok_or(Error::RuleSetNotFound { version })
}
