//! The frame of every page.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use maud::{DOCTYPE, Markup, html};
use sha2::{Digest as _, Sha256};

use crate::config::PublicUrl;

/// Which part of the site a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Cases,
    Units,
    Nowhere,
}

/// Changes with the looks of the pages.
pub(super) fn fingerprint() -> &'static str {
    static FINGERPRINT: LazyLock<String> = LazyLock::new(|| {
        let hash = Sha256::new()
            .chain_update(env!("CARGO_PKG_VERSION"))
            .chain_update(super::STYLE)
            .chain_update(super::ICON)
            .finalize();
        HEXLOWER.encode(&hash[..4])
    });
    &FINGERPRINT
}

/// Changes with the looks of the pages, and with where their pictures are shown from.
pub(super) fn looks(pictures_at: Option<&PublicUrl>) -> String {
    match pictures_at {
        None => fingerprint().to_owned(),
        Some(url) => {
            let hash = Sha256::new().chain_update(fingerprint()).chain_update(url.to_string()).finalize();
            HEXLOWER.encode(&hash[..4])
        }
    }
}

/// A page. `tree_size` is what it was drawn from, where it was drawn from the log.
pub(super) fn page(title: &str, section: Section, tree_size: Option<u64>, content: &Markup) -> Markup {
    let current = |own: Section| (own == section).then_some("page");
    html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                title { (title) " · 呼应" }
                link rel="stylesheet" href={ "/static/style.css?v=" (fingerprint()) };
                link rel="icon" type="image/svg+xml" href={ "/static/icon.svg?v=" (fingerprint()) };
            }
            body {
                a.skip href="#content" { "跳到正文" }
                header.site {
                    div.wide {
                        a.brand href="/" {
                            span.mark aria-hidden="true" { "应" }
                            span.name { "呼应" }
                            span.en lang="en" { "Huying" }
                        }
                        p.motto { "民有所呼，我有所应" }
                        nav aria-label="主要栏目" {
                            a href="/" aria-current=[current(Section::Cases)] { "事项" " " span.en lang="en" { "Cases" } }
                            a href="/units" aria-current=[current(Section::Units)] { "单位" " " span.en lang="en" { "Units" } }
                        }
                    }
                }
                main #content .wide { (content) }
                footer.site {
                    div.wide {
                        p {
                            "本页由公开账本生成"
                            @if let Some(tree_size) = tree_size { "，当前共 " strong { (tree_size) } " 条" }
                            "。账本只增不改，任何人都可以核验。"
                            " " span.en lang="en" { "Drawn from an append-only public log that anyone can verify." }
                        }
                        p {
                            a href="/log/checkpoint" { "签名检查点 " span.en lang="en" { "Checkpoint" } }
                            a href="/log/vkey" { "验证公钥 " span.en lang="en" { "Verifier key" } }
                        }
                    }
                }
            }
        }
    }
}

/// A page with nothing but a message: what is missing, or wrong.
pub(super) fn message_page(title: &str, english: &str, message: &str) -> Markup {
    page(
        title,
        Section::Nowhere,
        None,
        &html! {
            section.message {
                h1 { (title) " " span.en lang="en" { (english) } }
                p { (message) }
                p { a.button href="/" { "返回事项列表" } }
            }
        },
    )
}
