//! The log explained to people: what it is, how large it is now, who signs for it and who vouches, and how anybody
//! verifies it without us.

use axum::{Extension, extract::State, http::HeaderMap, response::Response};
use maud::{Markup, html};
use tokio::sync::watch;

use super::{
    PageError, Pages, Shared, drawn,
    layout::{self, Section},
    names,
};
use crate::{
    store::{keys::KeptKey, witnessed::Witnessed},
    sweep::Findings,
    use_cases::{
        ReadError,
        latest_checkpoint::latest_checkpoint,
        log_keys::{KnownKeys, log_keys},
        witnessed_checkpoint::{LogWitness, log_witnesses, witnessed_logs},
    },
};

pub(super) async fn page(
    State(pages): Shared,
    Extension(found): Extension<watch::Receiver<Findings>>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let checkpoint = match latest_checkpoint(&pages.db).await {
        Ok(checkpoint) => Some(checkpoint),
        Err(ReadError::NoCheckpoint) => None,
        Err(error) => return Err(error.into()),
    };
    let keys = log_keys(&pages.db, &pages.log).await?;
    let witnesses = log_witnesses(&pages.db, &pages.log).await?;
    let witnessed = witnessed_logs(&pages.db).await?;
    let tree_size = checkpoint.as_ref().map(|(tree_size, _)| *tree_size);
    let content = html! {
        (damage(&found.borrow()))
        section {
            h1 { "公开账本 " span.en lang="en" { "The public log" } }
            p.lede {
                "每一件事项的每一步都是账本里的一条记录。账本只能在末尾增加，不能改、不能删、不能调换次序；"
                "谁改动了其中一个字，任何人都能发现。"
            }
            dl.counts {
                div { dt { (names::both(("记录", "Leaves"))) } dd { (tree_size.unwrap_or(0)) } }
                div { dt { (names::both(("现用公钥", "Keys"))) } dd { (keys.in_force.len()) } }
                div { dt { (names::both(("见证者", "Witnesses"))) } dd { (witnesses.len()) } }
            }
        }
        (how_it_works())
        (signed(checkpoint.as_ref(), &keys))
        (vouching(&witnesses, &witnessed))
        (verifying(&pages))
        (files())
    };
    Ok(drawn(layout::page("公开账本", Section::Log, tree_size, &content), &headers))
}

/// What the walk over all leaves has found wrong; nothing where all of it is as it was logged.
fn damage(found: &Findings) -> Markup {
    html! {
        @if found.is_damage() {
            div.alarm role="alert" {
                h2 { "注意：数据库里的记录与账本不符 " span.en lang="en" { "Rows that are not as the log has them" } }
                p {
                    "系统不断把所存的每一条记录与签名的账本核对。现在有 " strong { (found.damaged + found.strays) }
                    " 条对不上：它们在写入账本之后被改动、被挪到别的事项名下，或者丢失了。有关事项的页面可能因此不完整。"
                }
                @if !found.first.is_empty() {
                    p {
                        "序号（从 0 编起）：" @for (place, index) in found.first.iter().enumerate() {
                            @if place > 0 { "、" } (index)
                        }
                        @if found.damaged > found.first.len() as u64 { " 等" }
                    }
                }
            }
        }
    }
}

fn how_it_works() -> Markup {
    html! {
        section aria-labelledby="how" {
            h2 #how { "账本怎样保证不被改动 " span.en lang="en" { "How it holds" } }
            ol.way {
                li {
                    strong { "记录。" } "每一步（提交、登记、交办、答复、评价……）写成一段固定格式的文字（JSON，按 RFC 8785 规范），"
                    "其中有时间、单位和期限，但没有群众和单位写的文字。"
                }
                li {
                    strong { "承诺值。" } "写下的文字和图片放在记录旁边，记录里只有加盐的承诺值（HMAC-SHA256）。"
                    "文字改动一个字，就与承诺值对不上；依法删除文字，也不会破坏账本。"
                }
                li {
                    strong { "哈希树。" } "所有记录按次序连成一棵哈希树（RFC 6962，SHA-256）。树根只有 32 个字节，却代表全部记录："
                    "任何一条变动，树根就不同。"
                }
                li {
                    strong { "签名检查点。" } "账本每次增加，都对新的记录数和树根签名（Ed25519）。签出去的检查点收不回来，"
                    "以后的账本必须以它为开头，这一点人人可以验证。"
                }
                li {
                    strong { "见证者。" } "别的账本核对过新旧检查点一致以后，在上面加签。这样，对不同的人出示不同的账本也会被发现。"
                }
            }
        }
    }
}

fn signed(checkpoint: Option<&(u64, String)>, keys: &KnownKeys) -> Markup {
    html! {
        section aria-labelledby="checkpoint" {
            h2 #checkpoint { "现在的检查点 " span.en lang="en" { "Checkpoint" } }
            @match checkpoint {
                Some((tree_size, note)) => {
                    p.fine {
                        "三行是：账本的名称、记录数（" (tree_size) "）、树根；空行之后是签名，每行一个。"
                    }
                    pre { (note) }
                }
                None => { p { "还没有检查点。账本开始运行后，几秒之内就会有第一个。" } }
            }
            h3 #keys { "公钥 " span.en lang="en" { "Verifier keys" } }
            p.fine { "请从另一个渠道（例如公报、公告栏）核对公钥，再用它验证检查点。" }
            @if keys.unknown > 0 {
                div.alarm role="alert" {
                    p {
                        "数据库里有 " strong { (keys.unknown) } " 个公钥不在本机的密钥文件中，不予公布。"
                        "更换密钥的几分钟内会这样；其他时候说明有人改动过数据库。 "
                        span.en lang="en" { "The database has keys that are not in this server's own key file." }
                    }
                }
            }
            ul.keys {
                @for kept in &keys.in_force { (key(kept, &html! { "；正在使用" })) }
                @for kept in &keys.retired {
                    (key(kept, &match (kept.until, kept.key.stopped_at) {
                        (Some(until), Some(stopped_at)) => html! {
                            "；" (names::time(until)) " 停用，最后签署至第 " (stopped_at) " 条"
                        },
                        (Some(until), None) => html! { "；" (names::time(until)) " 停用" },
                        (None, _) => html! { "；停用" },
                    }))
                }
            }
        }
    }
}

fn key(kept: &KeptKey, rest: &Markup) -> Markup {
    html! {
        li {
            code { (kept.key.verifier_key) }
            span.rest { "自第 " (kept.key.signs_from) " 条起签名，" (names::time(kept.since)) " 启用" (rest) }
        }
    }
}

fn vouching(witnesses: &[LogWitness], witnessed: &[Witnessed]) -> Markup {
    html! {
        section aria-labelledby="witnesses" {
            h2 #witnesses { "互相见证 " span.en lang="en" { "Witnesses" } }
            @if witnesses.is_empty() {
                p { "本账本还没有见证者。" }
            } @else {
                p { "为本账本作见证的：" }
                ul.keys {
                    @for witness in witnesses {
                        li {
                            strong { (witness.name) } code { (witness.verifier_key) }
                            span.rest {
                                @match witness.latest {
                                    Some(latest) => { "最近在 " (names::time(latest.cosigned_at)) " 加签至第 " (latest.tree_size) " 条" }
                                    None => { "还没有加签" }
                                }
                            }
                        }
                    }
                }
            }
            @if !witnessed.is_empty() {
                p { "本账本为这些账本作见证：" }
                ul.keys {
                    @for one in witnessed {
                        li {
                            strong { (one.origin) }
                            span.rest { "最近在 " (names::time(one.cosigned_at)) " 加签至第 " (one.tree_size) " 条" }
                        }
                    }
                }
            }
        }
    }
}

fn verifying(pages: &Pages) -> Markup {
    let site = pages.public_url.as_ref().map_or_else(|| "本站网址".to_owned(), |url| url.join("/"));
    html! {
        section aria-labelledby="verify" {
            h2 #verify { "自己核验 " span.en lang="en" { "Verify it yourself" } }
            ol.way {
                li {
                    strong { "核验一件事。" } "打开任何一件事项，下载“回执证明”或任何一步的“证明文件”，不用联网就能核对："
                    pre { "huying ledger verify 证明文件" }
                }
                li {
                    strong { "核验整个账本。" } "下载全部记录，重建哈希树，核对每个检查点、每件事项的次序，并重新计算公布的数字："
                    pre { "huying ledger audit " (site) }
                }
                li {
                    strong { "用别的程序。" } "格式都是公开标准：C2SP 的 tlog-tiles、tlog-checkpoint、signed-note、tlog-proof，"
                    "以及 RFC 6962 和 RFC 8785。任何支持它们的程序都可以核验，不需要我们的代码。"
                }
                li {
                    strong { "重新计算数字。" } "每个比率旁边都有分子和分母；下载 CSV 或 JSON Lines，几行程序就能重算。"
                }
            }
        }
    }
}

fn files() -> Markup {
    html! {
        section aria-labelledby="files" {
            h2 #files { "给程序的地址 " span.en lang="en" { "For programs" } }
            dl.addresses {
                (file("/log/checkpoint", "最新的签名检查点", true))
                (file("/log/vkey", "现用公钥", true))
                (file("/log/tile/<L>/<N>", "哈希树的瓦片，C2SP tlog-tiles", false))
                (file("/log/tile/entries/<N>", "记录原文", false))
                (file("/log/proof/inclusion", "包含证明（JSON），参数 leaf_index、tree_size", false))
                (file("/log/proof/consistency", "一致性证明（JSON），参数 old_size、tree_size", false))
                (file("/cases.jsonl", "全部事项", true))
                (file("/texts.jsonl", "全部公开文字和盐", true))
            }
        }
    }
}

fn file(address: &str, what: &str, is_link: bool) -> Markup {
    html! {
        div {
            dt { code { @if is_link { a href=(address) { (address) } } @else { (address) } } }
            dd { (what) }
        }
    }
}
