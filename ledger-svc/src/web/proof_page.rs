//! The proof of a line, for people.

use axum::{
    extract::{Path, State},
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use maud::html;

use super::{
    PageError, Shared,
    case_page::parse_case_id,
    layout::{self, Section},
};
use crate::{
    domain::merkle::leaf_hash,
    use_cases::{
        log_keys::key_of_note,
        prove_inclusion::{InclusionProof, prove_line},
    },
};

pub(super) async fn proof_page(
    State(pages): Shared,
    Path((case_id, case_version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let proof = proof_of(&pages.db, &case_id, &case_version).await?;
    let verifier_key = key_of_note(&pages.log, &proof.checkpoint);
    let content = html! {
        (layout::crumbs([
            ("/cases".to_owned(), "公开事项"),
            (format!("/cases/{case_id}#v{case_version}"), "这件事项的这一步"),
        ]))
        h1 { "核验：账本序号 " (proof.leaf_index) " " span.en lang="en" { "Inclusion proof" } }
        p {
            "下面的数据足以独立证明这条记录就在账本里，而且没有被改过。序号从 0 编起，条数从 1 数起。可以用 "
            code { "huying ledger verify" } " 核验，也可以按 RFC 6962 自己计算。 "
            a href="/log" { "账本怎样保证不被改动" }
        }
        p {
            a.button href={ "/cases/" (case_id) "/lines/" (case_version) ".tlog-proof" } {
                "证明文件 " span.en lang="en" { "tlog-proof" }
            }
            " "
            a.button href={ "/cases/" (case_id) "/lines/" (case_version) "/proof.json" } { "JSON" }
        }
        section {
            h2 { "1. 记录原文 " span.en lang="en" { "Leaf" } }
            pre { (proof.leaf) }
            p { "记录的哈希 = SHA-256(0x00 ‖ 原文)：" br; code { (HEXLOWER.encode(&leaf_hash(proof.leaf.as_bytes()))) } }
        }
        section {
            h2 { "2. 路径 " span.en lang="en" { "Audit path" } }
            @if proof.path.is_empty() {
                p { "账本只有这一条，记录的哈希就是根。" }
            } @else {
                p { "从近到远，逐个与左或右边合并：SHA-256(0x01 ‖ 左 ‖ 右)。" }
                ol.path { @for hash in &proof.path { li { code { (HEXLOWER.encode(hash)) } } } }
            }
        }
        section {
            h2 { "3. 签名检查点 " span.en lang="en" { "Signed checkpoint" } }
            p { "共 " (proof.tree_size) " 条。算出的根应与检查点第三行一致，签名用下面的公钥核验。" }
            pre { (proof.checkpoint) }
            p { "验证公钥：" br; code { (verifier_key) } }
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
