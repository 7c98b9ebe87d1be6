//! Proofs over gRPC and HTTP, and as files to keep.

use std::sync::Arc;

use huying_ledger_svc::{
    LogIdentity,
    config::Serving,
    domain::{
        checkpoint::Checkpoint,
        cosignature::{Cosigner, WitnessKey},
        merkle::{Hash, leaf_hash, verify_consistency, verify_inclusion},
        note::{SignedNote, Verifier},
        proof_file::ProofFile,
    },
    store,
    use_cases::gather_cosignatures::WitnessAddress,
};
use huying_platform::ids::CaseId;
use huying_proto::ledger::v1::{ProveConsistencyRequest, ProveInclusionRequest};
use serde_json::Value;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    house::{House, ORIGIN, identity},
    log::{begun, get, get_json, grow, hash, numbered_leaf, path},
    story::{DEPARTMENT, Story},
};

fn opened(note: &str) -> Checkpoint {
    let key = identity(1).foremost_verifier_key();
    Checkpoint::parse(Verifier::parse(&key).unwrap().open(note).unwrap()).unwrap()
}

#[tokio::test]
async fn any_tree_is_proved_over_grpc_and_http_alike() {
    let house = begun().await;
    grow(&house, 300).await;
    let mut client = house.log.clone();
    for (leaf_index, tree_size) in [(0, 1), (0, 300), (255, 256), (256, 257), (299, 0), (17, 259)] {
        let asked = ProveInclusionRequest { leaf_index, tree_size };
        let proof = client.prove_inclusion(asked).await.unwrap().into_inner();
        assert_eq!(proof.tree_size, if tree_size == 0 { 300 } else { tree_size });
        assert_eq!(proof.leaf.as_bytes(), numbered_leaf(leaf_index));
        let root: Hash = proof.root[..].try_into().unwrap();
        let hashes: Vec<Hash> = proof.path.iter().map(|hash| hash[..].try_into().unwrap()).collect();
        let leaf = leaf_hash(proof.leaf.as_bytes());
        assert!(verify_inclusion(&leaf, leaf_index, proof.tree_size, &hashes, &root));

        let address = format!("/log/proof/inclusion?leaf_index={leaf_index}&tree_size={tree_size}");
        let json = get_json(&house, &address).await;
        assert_eq!(
            (json["leaf_index"].as_u64(), &json["leaf"]),
            (Some(leaf_index), &Value::from(proof.leaf))
        );
        assert_eq!(json["tree_size"].as_u64(), Some(proof.tree_size));
        assert_eq!((path(&json["path"]), hash(&json["root"])), (hashes, root));
        assert_eq!(json["checkpoint"].as_str(), Some(proof.checkpoint.as_str()));
        assert_eq!(json["verifier_key"], identity(1).foremost_verifier_key());
        assert_eq!(opened(&proof.checkpoint).tree_size, 300);
    }
    for (old_size, tree_size) in [(0, 0), (0, 5), (1, 300), (256, 257), (300, 0), (299, 300), (255, 259)] {
        let asked = ProveConsistencyRequest { old_size, tree_size };
        let proof = client.prove_consistency(asked).await.unwrap().into_inner();
        let old_root: Hash = proof.old_root[..].try_into().unwrap();
        let root: Hash = proof.root[..].try_into().unwrap();
        let hashes: Vec<Hash> = proof.path.iter().map(|hash| hash[..].try_into().unwrap()).collect();
        assert!(verify_consistency(old_size, &old_root, proof.tree_size, &root, &hashes));

        let address = format!("/log/proof/consistency?old_size={old_size}&tree_size={tree_size}");
        let json = get_json(&house, &address).await;
        assert_eq!(
            (json["old_size"].as_u64(), json["tree_size"].as_u64()),
            (Some(old_size), Some(proof.tree_size))
        );
        assert_eq!(hash(&json["old_root"]), old_root);
        assert_eq!((path(&json["path"]), hash(&json["root"])), (hashes, root));
    }
    house.stop().await;
}

#[tokio::test]
async fn a_question_beyond_the_log_is_told_what_would_be_right() {
    let house = begun().await;
    grow(&house, 8).await;
    for (address, parameter, problem) in [
        ("inclusion", "leaf_index", "is missing; a decimal such as 17 would be right"),
        ("inclusion?leaf_index=", "leaf_index", "is missing; a decimal such as 17 would be right"),
        ("inclusion?leaf_index=8", "leaf_index", "is 8; 0 to 7 would be right"),
        (
            "inclusion?leaf_index=x",
            "leaf_index",
            "is no whole number of 64 bits; a decimal such as 17 would be right",
        ),
        (
            "inclusion?leaf_index=-1",
            "leaf_index",
            "is no whole number of 64 bits; a decimal such as 17 would be right",
        ),
        (
            "inclusion?leaf_index=18446744073709551616",
            "leaf_index",
            "is no whole number of 64 bits; a decimal such as 17 would be right",
        ),
        (
            "inclusion?leaf_index=18446744073709551615",
            "leaf_index",
            "is 18446744073709551615; 0 to 7 would be right",
        ),
        (
            "inclusion?leaf_index=5&tree_size=5",
            "tree_size",
            "is 5; 6 to 8 would be right, or 0 for the latest",
        ),
        ("consistency", "old_size", "is missing; a decimal such as 17 would be right"),
        ("consistency?old_size=9", "old_size", "is 9; 0 to 8 would be right"),
        (
            "consistency?old_size=5&tree_size=9",
            "tree_size",
            "is 9; 5 to 8 would be right, or 0 for the latest",
        ),
    ] {
        let refused = get(&house, &format!("/log/proof/{address}")).await;
        assert_eq!(refused.status, 400, "{address}");
        assert_eq!(refused.header("cache-control"), "no-store");
        let error = &refused.json()["error"];
        assert_eq!(
            (error["parameter"].as_str(), error["problem"].as_str()),
            (Some(parameter), Some(problem))
        );
    }
    for address in ["inclusion?leaf_index=1&treesize=2", "consistency?old_size=1&old_size=2"] {
        let refused = get(&house, &format!("/log/proof/{address}")).await;
        assert_eq!(refused.status, 400, "{address}");
        assert!(refused.json()["error"]["parameter"].is_null());
    }

    let asked = ProveInclusionRequest { leaf_index: 5, tree_size: 9 };
    let refused = house.log.clone().prove_inclusion(asked).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!((refused.code(), violations[0].field.as_str()), (Code::InvalidArgument, "tree_size"));
    assert_eq!(violations[0].description, "is 9; 6 to 8 would be right, or 0 for the latest");
    let asked = ProveConsistencyRequest { old_size: 9, tree_size: 0 };
    let refused = house.log.clone().prove_consistency(asked).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!((refused.code(), violations[0].field.as_str()), (Code::InvalidArgument, "old_size"));
    house.stop().await;
}

#[tokio::test]
async fn the_file_of_a_line_proves_it_without_the_ledger() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "正文", 1).registered().assigned(DEPARTMENT);
    house.publish_until(&story.events, 3).await;
    let case_id = &story.case_id;
    let mut files = Vec::new();
    for (address, case_version) in [
        (format!("/cases/{case_id}/receipt.tlog-proof"), 1),
        (format!("/cases/{case_id}/lines/1.tlog-proof"), 1),
        (format!("/cases/{case_id}/lines/3.tlog-proof"), 3),
    ] {
        let answer = get(&house, &address).await;
        assert_eq!(answer.status, 200, "{address}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let name = format!("attachment; filename=\"{case_id}-{case_version}.tlog-proof\"");
        assert_eq!(answer.header("content-disposition"), name);
        files.push((case_version, String::from_utf8(answer.body).unwrap()));
        let json = get_json(&house, &format!("/cases/{case_id}/lines/{case_version}/proof.json")).await;
        assert_eq!(json["leaf_index"].as_u64(), Some(case_version - 1));
    }
    // The files are kept, and the ledger is gone.
    house.stop().await;

    for (case_version, text) in files {
        let file = ProofFile::parse(&text).unwrap();
        let leaf = file.extra.unwrap();
        let said: Value = serde_json::from_slice(&leaf).unwrap();
        assert_eq!(
            (said["case_id"].as_str(), said["case_version"].as_u64()),
            (Some(&**case_id), Some(case_version))
        );
        let signed = opened(&file.checkpoint);
        assert_eq!((signed.origin.as_str(), signed.tree_size), (ORIGIN, 3));
        let hash = leaf_hash(&leaf);
        assert!(verify_inclusion(&hash, file.leaf_index, signed.tree_size, &file.path, &signed.root));
    }
}

#[tokio::test]
async fn a_file_has_the_word_of_a_witness_where_there_is_one() {
    let witness = Cosigner::from_seed("witness.example", &[2; 32]).unwrap();
    let stranger = Cosigner::from_seed("stranger.example", &[3; 32]).unwrap();
    // It is not there to be asked.
    let key = WitnessKey::parse(&witness.verifier_key()).unwrap();
    let address = WitnessAddress { key, url: "http://127.0.0.1:1".parse().unwrap() };
    let log = LogIdentity { witnesses: vec![address], ..Arc::into_inner(identity(1)).unwrap() };
    let house = House::start_as(Arc::new(log), Serving::default()).await;
    let story = Story::new("暖气不热", "正文", 1).registered();
    house.publish_until(&story.events, 2).await;
    let note = String::from_utf8(get(&house, "/log/checkpoint").await.body).unwrap();
    let text = SignedNote::parse(&note).unwrap().text;
    let platform = &house.house.platform;
    let now = platform.clock.now();
    let word = witness.cosign(text, now.as_second());
    let kept = async |key: String, tree_size, line: &str| {
        let mut connection = platform.db.acquire().await.unwrap();
        store::cosignatures::keep(&mut connection, &key, tree_size, line, now).await.unwrap();
    };
    kept(witness.verifier_key(), 2, &word).await;
    let story = story.assigned(DEPARTMENT);
    house.publish_until(&story.events, 3).await;
    // Neither one that the settings do not name, nor what is no cosignature of this tree, is a witness's word.
    kept(stranger.verifier_key(), 3, &stranger.cosign(text, now.as_second())).await;
    kept(witness.verifier_key(), 3, &word).await;
    for (case_version, tree_size) in [(1, 2), (2, 2), (3, 3)] {
        let address = format!("/cases/{}/lines/{case_version}.tlog-proof", story.case_id);
        let text = String::from_utf8(get(&house, &address).await.body).unwrap();
        let file = ProofFile::parse(&text).unwrap();
        assert!(file.checkpoint.ends_with(&word), "{text}");
        let signed = opened(&file.checkpoint);
        assert_eq!(signed.tree_size, tree_size);
        let hash = leaf_hash(&file.extra.unwrap());
        assert!(verify_inclusion(&hash, file.leaf_index, tree_size, &file.path, &signed.root));
    }
    house.stop().await;
}

#[tokio::test]
async fn there_is_no_file_of_a_line_that_is_not_there() {
    let house = House::start().await;
    let story = Story::new("暖气不热", "正文", 1);
    house.publish_until(&story.events, 1).await;
    let case_id = &story.case_id;
    for address in [
        format!("/cases/{case_id}/lines/2.tlog-proof"),
        format!("/cases/{case_id}/lines/0.tlog-proof"),
        format!("/cases/{case_id}/lines/x.tlog-proof"),
        format!("/cases/{case_id}/lines/1.txt"),
        format!("/cases/{}/receipt.tlog-proof", CaseId::new_v7()),
        "/cases/x/receipt.tlog-proof".to_owned(),
    ] {
        assert_eq!(get(&house, &address).await.status, 404, "{address}");
    }
    for address in [
        format!("/cases/{case_id}/lines/2/proof.json"),
        format!("/cases/{case_id}/lines/x/proof.json"),
        "/cases/x/lines/1/proof.json".to_owned(),
    ] {
        let missing = get(&house, &address).await;
        assert_eq!(missing.status, 404, "{address}");
        assert!(missing.json()["error"]["parameter"].is_null());
    }
    house.stop().await;
}
