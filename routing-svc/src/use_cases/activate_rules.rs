//! Makes a version of the rules the active one: at once for this replica, within a moment for the others. An earlier version
//! is activated like a new one, which takes a change back.

use std::collections::BTreeMap;

use huying_platform::directory;
use huying_proto::routing::v1::ActivateRulesResponse;

use super::import_directory::apply;
use crate::{
    domain::import::File,
    error::Error,
    service::Service,
    store::{directory::lock_import, rule_sets},
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Activation {
    /// The version to make active.
    pub version: u64,
    /// The version the caller believes to be active.
    pub expected_active_version: u64,
    /// Subject of the caller's token.
    pub by: String,
}

/// Activates a version. One that is active already stays so, whatever was expected: a call that is made again succeeds.
///
/// # Errors
/// [`Error::RuleSetNotFound`], [`Error::StaleProposal`], [`Error::FaultyImport`] when its rules do not fit the directory any
/// more, or when a statement fails.
pub async fn activate_rules(
    service: &Service,
    activation: &Activation,
) -> Result<ActivateRulesResponse, Error> {
    let version = activation.version;
    let now = service.clock.now();

    let mut transaction = service.db.begin().await?;
    lock_import(&mut transaction).await?;
    let found = rule_sets::find(&mut transaction, version).await?;
    let (_, csv) = found.ok_or(Error::RuleSetNotFound { version })?;
    let before = directory::revision(&mut transaction).await?;
    let active = rule_sets::version_of(&mut transaction, before).await?;
    if active == version {
        return Ok(ActivateRulesResponse { version, directory_revision: before });
    }
    let expected = activation.expected_active_version;
    if active != expected {
        return Err(Error::StaleProposal { active, expected });
    }
    let report = apply(service, &mut transaction, BTreeMap::from([(File::Rules, csv)])).await?;
    let mut directory_revision = report.revision;
    if directory_revision == before {
        // The same rules under another version: a new revision all the same, so that every replica reads it again and
        // traces name this version.
        directory_revision = before + 1;
        directory::set_revision(&mut transaction, directory_revision).await?;
    }
    rule_sets::activate(&mut transaction, version, &activation.by, now).await?;
    transaction.commit().await?;

    service.outbox.wake();
    service.directory.reload().await?;
    tracing::info!(version, directory_revision, subject = activation.by, "rules activated");
    Ok(ActivateRulesResponse { version, directory_revision })
}
