//! What a verifier needs: the checkpoint, the key, and the proof of a line, for people and for programs.

use axum::{
    extract::{Path, State},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use data_encoding::HEXLOWER;
use maud::html;
use serde::Serialize;

use super::{
    PageError, Shared,
    case_page::parse_case_id,
    layout::{self, Section},
};
use crate::{
    domain::merkle::leaf_hash,
    use_cases::{
        latest_checkpoint::latest_checkpoint,
        prove_inclusion::{InclusionProof, prove_line},
    },
};

const PLAIN: &str = "text/plain; charset=utf-8";

pub(super) async fn checkpoint(State(pages): Shared) -> Result<Response, PageError> {
    let (_, note) = latest_checkpoint(&pages.db).await?;
    Ok(([(CONTENT_TYPE, PLAIN), (CACHE_CONTROL, "no-cache")], note).into_response())
}

pub(super) async fn verifier_key(State(pages): Shared) -> Response {
    ([(CONTENT_TYPE, PLAIN), (CACHE_CONTROL, "no-cache")], format!("{}\n", pages.verifier_key))
        .into_response()
}

/// The proof of a line for programs.
#[derive(Debug, Serialize)]
struct ProofJson {
    leaf_index: u64,
    tree_size: u64,
    leaf: String,
    /// Base64, nearest first.
    path: Vec<String>,
    checkpoint: String,
    verifier_key: String,
}

pub(super) async fn proof_json(
    State(pages): Shared,
    Path((case_id, case_version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let proof = proof_of(&pages.db, &case_id, &case_version).await?;
    let body = ProofJson {
        leaf_index: proof.leaf_index,
        tree_size: proof.tree_size,
        leaf: proof.leaf,
        path: proof.path.iter().map(|hash| BASE64.encode(hash)).collect(),
        checkpoint: proof.checkpoint,
        verifier_key: pages.verifier_key.clone(),
    };
    let json = serde_json::to_vec(&body).expect("a struct of strings and integers always serialises");
    Ok(([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], json).into_response())
}

pub(super) async fn proof_page(
    State(pages): Shared,
    Path((case_id, case_version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let proof = proof_of(&pages.db, &case_id, &case_version).await?;
    let content = html! {
        p.crumbs {
            a href="/" { "公开事项" } " › "
            a href={ "/cases/" (case_id) "#v" (case_version) } { "事项第 " (case_version) " 步" } " ›"
        }
        h1 { "核验：账本第 " (proof.leaf_index) " 条 " span.en lang="en" { "Inclusion proof" } }
        p {
            "下面的数据足以独立证明这条记录就在账本里，而且没有被改过。可以用 "
            code { "huying ledger verify" } " 核验，也可以按 RFC 6962 自己计算。 "
            a href={ "/cases/" (case_id) "/lines/" (case_version) "/proof.json" } { "下载 JSON" }
        }
        section.proof-steps {
            h2 { "1. 记录原文 " span.en lang="en" { "Leaf" } }
            pre { (proof.leaf) }
            p { "记录的哈希 = SHA-256(0x00 ‖ 原文)：" br; code { (HEXLOWER.encode(&leaf_hash(proof.leaf.as_bytes()))) } }
            h2 { "2. 路径 " span.en lang="en" { "Audit path" } }
            @if proof.path.is_empty() {
                p { "账本只有这一条，记录的哈希就是根。" }
            } @else {
                p { "从近到远，逐个与左或右边合并：SHA-256(0x01 ‖ 左 ‖ 右)。" }
                ol.path { @for hash in &proof.path { li { code { (HEXLOWER.encode(hash)) } } } }
            }
            h2 { "3. 签名检查点 " span.en lang="en" { "Signed checkpoint" } }
            p { "共 " (proof.tree_size) " 条。算出的根应与检查点第三行一致，签名用下面的公钥核验。" }
            pre { (proof.checkpoint) }
            p { "验证公钥：" br; code { (pages.verifier_key) } }
        }
    };
    let page = layout::page("核验", Section::Cases, Some(proof.tree_size), &content);
    Ok(([(CACHE_CONTROL, "no-cache")], page).into_response())
}

async fn proof_of(db: &sqlx::PgPool, case_id: &str, case_version: &str) -> Result<InclusionProof, PageError> {
    let case_id = parse_case_id(case_id)?;
    let case_version: u64 =
        case_version.parse().map_err(|_| PageError::NotFound("步骤的编号应为 1、2、3……"))?;
    Ok(prove_line(db, case_id, case_version).await?)
}
