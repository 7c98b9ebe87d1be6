//! An Atom feed (RFC 4287) for each filter of the list of cases: those about which something happened last.
//!
//! Guaranteed: well-formed XML whatever people wrote; ids that stay as they are, that of a case being its own and that of
//! a feed made of the log's name and the filter; no text but public titles. Addresses are absolute where the ledger knows
//! its own public one, and otherwise relative to that of the feed.

use std::borrow::Cow;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use huying_platform::{codes::RegionCode, directory::Directory};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Builder;

use super::{
    PageError, Pages, Shared,
    asked::{CasesAsked, address, day},
    is_known, names, tag_of, unchanged, with_tag,
};
use crate::{
    domain::{
        account::Account, case_filter::CaseFilter, search_query::SearchQuery, title::ListedTitle, words,
    },
    use_cases::list_cases::ListedCase,
};

/// Entries of a feed.
const ENTRIES_MAX: u32 = 50;

const CONTENT: HeaderValue = HeaderValue::from_static("application/atom+xml; charset=utf-8");

pub(super) async fn cases(
    State(pages): Shared,
    headers: HeaderMap,
    asked: Result<Query<CasesAsked>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(asked) = asked.map_err(|_| PageError::BadRequest("网址中的条件无法识别。".to_owned()))?;
    let directory = pages.directory.load();
    let filter = asked.filter()?;
    let cases = pages.searches.feed(&filter, ENTRIES_MAX).await?;
    let feed = feed(&pages, &filter, &cases, &directory);
    let tag = tag_of([feed.as_bytes()]);
    if is_known(&headers, &tag) {
        return Ok(unchanged(&tag));
    }
    let mut response = feed.into_response();
    response.headers_mut().insert(CONTENT_TYPE, CONTENT);
    Ok(with_tag(response, &tag))
}

fn feed(pages: &Pages, filter: &CaseFilter, cases: &[ListedCase], directory: &Directory) -> String {
    let own = address("/cases.atom", filter, None);
    let list = address("/cases", filter, None);
    // A feed has to say when it was updated; one without cases has not been yet.
    let updated_at = cases.first().map_or(Timestamp::UNIX_EPOCH, |case| case.account.updated_at);
    let mut xml = Xml("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".to_owned());
    xml.open("feed", &[("xmlns", "http://www.w3.org/2005/Atom"), ("xml:lang", "zh-CN")]);
    xml.element("id", &feed_id(&pages.origin, &own));
    xml.element("title", &feed_title(filter, directory));
    xml.element("updated", &updated_at.to_string());
    xml.empty("link", &[("rel", "self"), ("type", "application/atom+xml"), ("href", &pages.at(&own))]);
    xml.empty("link", &[("rel", "alternate"), ("type", "text/html"), ("href", &pages.at(&list))]);
    xml.open("author", &[]);
    xml.element("name", &pages.origin);
    xml.close("author");
    for case in cases {
        entry(&mut xml, pages, case, directory);
    }
    xml.close("feed");
    xml.0
}

fn entry(xml: &mut Xml, pages: &Pages, case: &ListedCase, directory: &Directory) {
    let account = &case.account;
    let (kind, state) = (names::kind(account.kind).0, names::state(account.state).0);
    let title = match &case.title {
        Some(ListedTitle::AsCommitted(title)) => Cow::Borrowed(title.as_str()),
        Some(ListedTitle::Otherwise) => Cow::Borrowed(names::TITLE_DIFFERS.0),
        None => Cow::Owned(format!("{kind}（来信不公开）")),
    };
    let page = pages.at(&format!("/cases/{}", account.case_id));
    xml.open("entry", &[]);
    xml.element("id", &format!("urn:uuid:{}", account.case_id));
    xml.element("title", &title);
    xml.element("published", &account.submitted_at.to_string());
    xml.element("updated", &account.updated_at.to_string());
    xml.empty("link", &[("rel", "alternate"), ("type", "text/html"), ("href", &page)]);
    if let Some(word) = words::state_word(account.state) {
        xml.empty("category", &[("term", word), ("label", state)]);
    }
    if !account.category.is_empty() {
        xml.empty("category", &[("term", &account.category)]);
    }
    xml.element("summary", &summary(account, directory));
    xml.close("entry");
}

/// Where the case is, how it stands, and whose turn it is.
fn summary(account: &Account, directory: &Directory) -> String {
    let mut said = vec![
        names::kind(account.kind).0.to_owned(),
        names::place(directory, &account.region),
        names::state(account.state).0.to_owned(),
    ];
    let unit = match account.responsible_unit.as_str() {
        "" => account.holder_office.as_str(),
        unit => unit,
    };
    if !unit.is_empty() {
        said.push(names::unit(directory, unit).to_owned());
    }
    if account.overdue {
        said.push("逾期".to_owned());
    }
    if account.petitioner_count > 1 {
        said.push(format!("{} 人反映", account.petitioner_count));
    }
    said.join(" · ")
}

/// The same for the same filter of the same log, and another for any other: the beginning of a SHA-256, as a UUID.
fn feed_id(origin: &str, address: &str) -> String {
    let hash = Sha256::digest(format!("{origin}\n{address}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    format!("urn:uuid:{}", Builder::from_custom_bytes(bytes).into_uuid())
}

fn feed_title(filter: &CaseFilter, directory: &Directory) -> String {
    let CaseFilter {
        query,
        region,
        unit,
        waiting_for,
        kinds,
        category,
        states,
        overdue_only,
        submitted_from,
        submitted_before,
        representative,
    } = filter;
    let mut said = vec!["公开事项".to_owned()];
    said.extend(query.as_ref().map(SearchQuery::as_str).map(|query| format!("“{query}”")));
    said.extend(
        region.as_ref().map(RegionCode::as_str).map(|code| names::region(directory, code).to_owned()),
    );
    said.extend(unit.as_ref().map(|code| names::unit(directory, code).to_owned()));
    said.extend(waiting_for.as_ref().map(|code| format!("{}在办", names::unit(directory, code))));
    said.extend(representative.as_ref().map(|code| names::representative(directory, code).to_owned()));
    said.extend(kinds.iter().map(|kind| names::kind(*kind).0.to_owned()));
    said.extend(category.clone());
    said.extend(states.iter().map(|state| names::state(*state).0.to_owned()));
    said.extend(overdue_only.then(|| "逾期".to_owned()));
    said.extend(submitted_from.map(|time| format!("{} 起提交", day(time))));
    said.extend(submitted_before.map(|time| format!("{} 前提交", day(time))));
    said.join(" · ")
}

/// A document being written.
struct Xml(String);

impl Xml {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, ">\n");
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\n");
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, "/>\n");
    }

    fn element(&mut self, name: &str, text: &str) {
        self.tag(name, &[], ">");
        self.escaped(text);
        self.close(name);
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.escaped(value);
            self.0.push('"');
        }
        self.0.push_str(end);
    }

    /// Characters that XML 1.0 has no way to write, such as most control characters, become U+FFFD.
    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // Written as they are, a parser would change them.
                '\t' => self.0.push_str("&#9;"),
                '\n' => self.0.push_str("&#10;"),
                '\r' => self.0.push_str("&#13;"),
                '\0'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => self.0.push(char::REPLACEMENT_CHARACTER),
                _ => self.0.push(character),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_people_wrote_is_well_formed_and_reads_back() {
        let text = "<b attr='1'>&amp; \"引号\" ]]> 𠮷\r\n\ttab";
        let mut xml = Xml(String::new());
        xml.open("a", &[("href", text)]);
        xml.element("b", text);
        xml.element("c", "\0\u{b}\u{1f}\u{fffe}\u{ffff}");
        xml.close("a");
        let document = roxmltree::Document::parse(&xml.0).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("href"), Some(text));
        let said: Vec<&str> =
            root.children().filter(|node| node.is_element()).filter_map(|node| node.text()).collect();
        assert_eq!(said, [text, "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_feed_keeps_its_id_and_shares_it_with_no_other() {
        let id = feed_id("ledger.test/150800", "/cases.atom?region=150802");
        assert_eq!(id, feed_id("ledger.test/150800", "/cases.atom?region=150802"));
        assert_ne!(id, feed_id("ledger.test/150800", "/cases.atom"));
        assert_ne!(id, feed_id("ledger.test/150900", "/cases.atom?region=150802"));
        let uuid: uuid::Uuid = id.strip_prefix("urn:uuid:").unwrap().parse().unwrap();
        assert_eq!(uuid.get_version_num(), 8);
    }
}
