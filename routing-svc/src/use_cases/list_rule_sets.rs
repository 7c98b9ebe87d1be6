//! Lists the versions of the rules, newest first.

use crate::{
    error::Error,
    service::Service,
    store::rule_sets::{self, RuleSet},
};

/// Reads a page: the newest versions, or those below one.
///
/// # Errors
/// When it cannot be read.
pub async fn list_rule_sets(
    service: &Service,
    below: Option<u64>,
    page_size: u32,
) -> Result<Vec<RuleSet>, Error> {
    Ok(rule_sets::list(&service.db, below, page_size).await?)
}
