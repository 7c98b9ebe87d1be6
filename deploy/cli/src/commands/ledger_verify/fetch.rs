//! What `huying ledger verify` asks the ledger for.

use huying_proto::ledger::v1::{GetCheckpointRequest, ProveInclusionRequest, ProveInclusionResponse};

use crate::{
    commands::ledger::keys::{KeySource, given_keys, remark_on_own_word},
    context::{Context, Service},
    failure::Failure,
    verify::{
        keys::VerifierKey,
        merkle::TreeHead,
        note::{Checkpoint, open_checkpoint},
    },
};

/// The keys that were given, or else those that the ledger names itself.
///
/// # Errors
/// When there are some that are none.
pub(super) async fn verifier_keys(
    context: &Context,
    given: Option<&str>,
) -> Result<(Vec<VerifierKey>, KeySource), Failure> {
    if let Some(keys) = given_keys(context, given)? {
        return Ok(keys);
    }
    remark_on_own_word(context);
    let (_, key) = fetch_checkpoint(context).await?;
    let keys = VerifierKey::parse_all(&key)
        .map_err(|reason| Failure::unverified(format!("the ledger's verifier key is wrong: {reason}")))?;
    Ok((keys, KeySource::TheLedgerItself))
}

/// The signed note and the verifier key.
async fn fetch_checkpoint(context: &Context) -> Result<(String, String), Failure> {
    let client = context.ledger()?;
    let answer = context
        .call(Service::Ledger, || {
            let mut client = client.clone();
            async move { client.get_checkpoint(GetCheckpointRequest {}).await }
        })
        .await?;
    Ok((answer.checkpoint, answer.verifier_key))
}

/// The latest checkpoint, verified.
///
/// # Errors
/// When it cannot be had, or does not verify.
pub(super) async fn latest_checkpoint(
    context: &Context,
    keys: &[VerifierKey],
) -> Result<Checkpoint, Failure> {
    let (note, _) = fetch_checkpoint(context).await?;
    let checkpoint = open_checkpoint(&note, keys).map_err(Failure::unverified)?;
    if checkpoint.size == 0 && checkpoint.root != TreeHead::default().root() {
        return Err(Failure::unverified(
            "the checkpoint of the empty tree has another root than SHA-256 of nothing",
        ));
    }
    Ok(checkpoint)
}

/// The proof of a leaf in the tree of so many leaves, nothing of it believed yet.
///
/// # Errors
/// When the ledger has none.
pub(super) async fn fetch_proof(
    context: &Context,
    leaf_index: u64,
    tree_size: u64,
) -> Result<ProveInclusionResponse, Failure> {
    let client = context.log()?;
    context
        .call(Service::Ledger, || {
            let mut client = client.clone();
            async move { client.prove_inclusion(ProveInclusionRequest { leaf_index, tree_size }).await }
        })
        .await
        .map_err(|failure| failure.during(&format!("the proof of leaf {leaf_index} among {tree_size}")))
}
