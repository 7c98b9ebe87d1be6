//! What is kept, held against the log.

use std::collections::BTreeSet;

use huying_platform::ids::CaseId;
use sqlx::PgConnection;

use crate::{
    domain::{
        account::Account,
        checkpoint::Checkpoint,
        discrepancy::{Discrepancy, Subject},
        facts::Facts,
        merkle::{Hash, TileId},
        note::Verifier,
    },
    store::{self, evidence::KeptCheckpoint, makes_no_sense},
    use_cases::{index_texts::entry_is_right, rebuild_account::FORMAT},
};

/// Most units, representatives, ways or tiles that a sentence names.
const NAMED_MAX: usize = 5;

/// How a case stands, as it is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeptAccount {
    /// In no way.
    Missing,
    /// In a way that makes no sense.
    Contradictory,
    /// Like this.
    Kept(Box<Account>),
}

/// Reads how a case stands. What cannot be understood is an answer, too.
pub(super) async fn kept_account(
    connection: &mut PgConnection,
    case_id: CaseId,
) -> sqlx::Result<KeptAccount> {
    match store::accounts::get(connection, case_id).await {
        Ok(Some(account)) => Ok(KeptAccount::Kept(Box::new(account))),
        Ok(None) => Ok(KeptAccount::Missing),
        Err(error) if makes_no_sense(&error) => Ok(KeptAccount::Contradictory),
        Err(error) => Err(error),
    }
}

/// The tree that the latest checkpoint speaks of.
pub(super) struct SignedTree {
    /// Leaves in it.
    pub(super) tree_size: u64,
    /// Its root; `None` when nobody signed for any.
    pub(super) root: Option<Hash>,
}

/// What is signed for. A note that does not hold says nothing of the root, so the tiles are held against each other
/// only.
pub(super) fn signed_tree(
    kept: Option<&KeptCheckpoint>,
    origin: &str,
    verifiers: &[Verifier],
    discrepancies: &mut Vec<Discrepancy>,
) -> SignedTree {
    let Some(kept) = kept else {
        discrepancies.push(Discrepancy::of_whole(Subject::Tile, "the log has no checkpoint"));
        return SignedTree { tree_size: 0, root: None };
    };
    let mut say = |detail: &str| discrepancies.push(Discrepancy::of_whole(Subject::Tile, detail));
    let text = verifiers.iter().find_map(|verifier| verifier.open(&kept.note).ok());
    let Some(text) = text else {
        say("the latest checkpoint is not signed by the log");
        return SignedTree { tree_size: kept.log_size, root: None };
    };
    let signed = Checkpoint::parse(text).ok().filter(|signed| signed.origin == origin);
    let Some(signed) = signed else {
        say("the latest checkpoint is none of this log");
        return SignedTree { tree_size: kept.log_size, root: None };
    };
    if signed.tree_size != kept.tree_size || signed.root[..] != kept.root[..] {
        say("the latest checkpoint is not kept for the tree that it was signed for");
    }
    if signed.tree_size != kept.log_size {
        say("the log has another size than its latest checkpoint");
    }
    SignedTree { tree_size: signed.tree_size, root: Some(signed.root) }
}

/// Says which tiles are not those of the log.
pub(super) fn tiles_sentence(tiles: &BTreeSet<TileId>) -> String {
    let names = tiles.iter().map(|id| format!("{}/{}", id.level, id.index)).collect();
    format!("the signed checkpoint does not cover these tiles: {}", some_of(names))
}

/// Holds how a case stands, and what the figures count of it, against what its lines tell. Returns false when they are
/// not known to be drawn by the present rules: then they cannot be held against anything, and that is said, too, for
/// anybody who can change the tables can also change what is known of them.
pub(super) async fn check_account(
    connection: &mut PgConnection,
    kept: &KeptAccount,
    told: &Account,
    facts: &Facts,
    discrepancies: &mut Vec<Discrepancy>,
) -> sqlx::Result<bool> {
    if !store::projection::is_of(connection, FORMAT).await? {
        return Ok(false);
    }
    let wrong = match kept {
        KeptAccount::Missing => Some("how the case stands is not kept any more".to_owned()),
        KeptAccount::Contradictory => {
            Some("how the case stands is kept in a way that makes no sense".to_owned())
        }
        KeptAccount::Kept(kept) => {
            let differences = told.differences(kept);
            (!differences.is_empty())
                .then(|| format!("how the case stands is not what its lines say: {}", differences.join(", ")))
        }
    };
    discrepancies.extend(wrong.map(|detail| Discrepancy::of_whole(Subject::Account, detail)));

    let wrong = match store::facts::of_cases(connection, &[told.case_id]).await {
        Ok(kept) => {
            let differences: Vec<String> =
                kept.differences(facts).into_iter().map(|(_, what)| what).collect();
            (!differences.is_empty()).then(|| {
                format!("what the figures count is not what its lines say: {}", some_of(differences))
            })
        }
        Err(error) if makes_no_sense(&error) => {
            Some("what the figures count is kept in a way that makes no sense".to_owned())
        }
        Err(error) => return Err(error),
    };
    discrepancies.extend(wrong.map(|detail| Discrepancy::of_whole(Subject::Figures, detail)));
    Ok(true)
}

/// Holds what the case is found by against its texts: whoever takes it out of the search hides it from everybody who does
/// not know its number.
pub(super) async fn check_search(
    connection: &mut PgConnection,
    told: &Account,
    last_leaf: u64,
    discrepancies: &mut Vec<Discrepancy>,
) -> sqlx::Result<()> {
    if !entry_is_right(connection, told, last_leaf).await? {
        let detail = "the search does not keep what its texts say, so that it may not find the case by them";
        discrepancies.push(Discrepancy::of_whole(Subject::Search, detail));
    }
    Ok(())
}

/// The first of them, and how many there are besides.
fn some_of(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    let named = names.join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}
