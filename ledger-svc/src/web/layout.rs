//! The frame of every page.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use maud::{DOCTYPE, Markup, html};
use sha2::{Digest as _, Sha256};

/// Which part of the site a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Cases,
    Units,
    Representatives,
    Log,
    Nowhere,
}

/// The sections in the order of the navigation: address, name, English name.
const SECTIONS: [(Section, &str, &str, &str); 5] = [
    (Section::Overview, "/", "概览", "Overview"),
    (Section::Cases, "/cases", "事项", "Cases"),
    (Section::Units, "/units", "单位", "Units"),
    (Section::Representatives, "/representatives", "代表", "Representatives"),
    (Section::Log, "/log", "账本", "Log"),
];

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

/// A page. `tree_size` is what it was drawn from, where it was drawn from the log.
pub(super) fn page(title: &str, section: Section, tree_size: Option<u64>, content: &Markup) -> Markup {
    page_with_feed(title, section, tree_size, None, content)
}

/// A page of which there is a feed at an address.
pub(super) fn page_with_feed(
    title: &str,
    section: Section,
    tree_size: Option<u64>,
    feed: Option<&str>,
    content: &Markup,
) -> Markup {
    html! {
        (DOCTYPE)
        html lang="zh-CN" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                title { (title) " · 呼应" }
                link rel="stylesheet" href={ "/static/style.css?v=" (fingerprint()) };
                @if let Some(feed) = feed { link rel="alternate" type="application/atom+xml" href=(feed); }
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
                            @for (own, address, name, english) in SECTIONS {
                                a href=(address) aria-current=[(own == section).then_some("true")] {
                                    (name) " " span.en lang="en" { (english) }
                                }
                            }
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
                            a href="/log" { "怎样核验 " span.en lang="en" { "How to verify" } }
                            a href="/log/checkpoint" { "签名检查点 " span.en lang="en" { "Checkpoint" } }
                            a href="/log/vkey" { "验证公钥 " span.en lang="en" { "Verifier key" } }
                        }
                    }
                }
            }
        }
    }
}

/// Where a page is: the names and addresses of what it is part of, the outermost first. The page itself is its heading.
pub(super) fn crumbs<'a>(steps: impl IntoIterator<Item = (String, &'a str)>) -> Markup {
    html! {
        nav.crumbs aria-label="所在位置" {
            ol { @for (address, name) in steps { li { a href=(address) { (name) } } } }
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
                p { a.button href="/" { "返回概览 " span.en lang="en" { "Overview" } } }
            }
        },
    )
}
