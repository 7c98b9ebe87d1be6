//! Where a page of a list ended, as an opaque token for whoever asks for the next one.
//!
//! A token goes with its filter: with another one it would lead to a place that means nothing there.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use huying_platform::{
    ids::CaseId,
    status::{from_micros, micros},
};
use uuid::Uuid;

use crate::{
    domain::{case_filter::CaseFilter, ranking::Score},
    store::cases::LatestPlace,
    use_cases::list_cases::{BestPlace, Place},
};

/// Why a text is no page token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPageToken {
    /// Not one that [`page_token`] wrote.
    #[error("is not one of ours; next_page_token of the last answer would be right")]
    NotAToken,
    /// One of another filter.
    #[error(
        "is of another filter; the same filter as before would be right, or no token, for the first page"
    )]
    OtherFilter,
}

const LATEST: u8 = 1;
const BEST: u8 = 2;
const BEST_OF_THE_LATEST: u8 = 3;

/// The place where a page of this filter ended, as an opaque token. It needs no escaping in an address.
pub fn page_token(filter: &CaseFilter, place: &Place) -> String {
    let mut bytes = filter.fingerprint().to_vec();
    match place {
        Place::Latest(place) => {
            bytes.push(LATEST);
            write(&mut bytes, place);
        }
        Place::Best(BestPlace { score, place, ranked_from }) => {
            bytes.push(if ranked_from.is_some() { BEST_OF_THE_LATEST } else { BEST });
            bytes.extend_from_slice(&score.0.to_be_bytes());
            write(&mut bytes, place);
            if let Some(ranked_from) = ranked_from {
                write(&mut bytes, ranked_from);
            }
        }
    }
    BASE64.encode(bytes)
}

/// Reads [`page_token`].
///
/// # Errors
/// [`InvalidPageToken`], which says what would be right.
pub fn parse_page_token(filter: &CaseFilter, token: &str) -> Result<Place, InvalidPageToken> {
    let bytes = BASE64.decode(token).map_err(|_| InvalidPageToken::NotAToken)?;
    let (fingerprint, place) = parse(&bytes).ok_or(InvalidPageToken::NotAToken)?;
    if fingerprint == filter.fingerprint() { Ok(place) } else { Err(InvalidPageToken::OtherFilter) }
}

fn parse(bytes: &[u8]) -> Option<([u8; 8], Place)> {
    let (fingerprint, rest) = bytes.split_first_chunk::<8>()?;
    let (kind, rest) = rest.split_first()?;
    let (place, rest) = match *kind {
        LATEST => {
            let (place, rest) = read(rest)?;
            (Place::Latest(place), rest)
        }
        kind @ (BEST | BEST_OF_THE_LATEST) => {
            let (score, rest) = rest.split_first_chunk::<8>()?;
            let (place, rest) = read(rest)?;
            let (ranked_from, rest) = match kind {
                BEST_OF_THE_LATEST => read(rest).map(|(place, rest)| (Some(place), rest))?,
                _ => (None, rest),
            };
            (Place::Best(BestPlace { score: Score(i64::from_be_bytes(*score)), place, ranked_from }), rest)
        }
        _ => return None,
    };
    rest.is_empty().then_some((*fingerprint, place))
}

fn write(bytes: &mut Vec<u8>, place: &LatestPlace) {
    bytes.extend_from_slice(&micros(place.submitted_at).to_be_bytes());
    bytes.extend_from_slice(place.case_id.as_uuid().as_bytes());
}

fn read(bytes: &[u8]) -> Option<(LatestPlace, &[u8])> {
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let time = i64::from_be_bytes(*time);
    // PostgreSQL and jiff have different ends of time; both know every day of these.
    let range = -62_135_596_800_000_000..=253_402_207_200_000_000;
    let submitted_at = range.contains(&time).then(|| from_micros(time))?;
    Some((LatestPlace { submitted_at, case_id: CaseId::from_uuid(Uuid::from_bytes(*id)) }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(time: i64) -> LatestPlace {
        LatestPlace { submitted_at: from_micros(time), case_id: CaseId::new_v7() }
    }

    fn places() -> [Place; 3] {
        let best = |ranked_from| BestPlace { score: Score(-17_000_000), place: place(5), ranked_from };
        [
            Place::Latest(place(1_772_330_400_123_456)),
            Place::Best(best(None)),
            Place::Best(best(Some(place(3)))),
        ]
    }

    #[test]
    fn a_page_token_reads_back() {
        let filter = CaseFilter { overdue_only: true, ..CaseFilter::default() };
        for place in places() {
            assert_eq!(parse_page_token(&filter, &page_token(&filter, &place)), Ok(place));
        }
    }

    #[test]
    fn a_token_of_another_filter_is_refused() {
        let filter = CaseFilter { overdue_only: true, ..CaseFilter::default() };
        for place in places() {
            let token = page_token(&CaseFilter::default(), &place);
            assert_eq!(parse_page_token(&filter, &token), Err(InvalidPageToken::OtherFilter));
        }
    }

    #[test]
    fn other_tokens_are_refused() {
        let filter = CaseFilter::default();
        let mut tokens: Vec<String> = places()
            .iter()
            .flat_map(|place| {
                let token = page_token(&filter, place);
                let bytes = BASE64.decode(&token).unwrap();
                [
                    BASE64.encode(&bytes[..bytes.len() - 1]),
                    BASE64.encode([&bytes[..], &[0]].concat()),
                    token + "=",
                ]
            })
            .collect();
        tokens.extend(["", "x", "AAAA"].map(str::to_owned));
        tokens.extend([[0x80; 33], [0x7f; 33], [0; 33]].map(|bytes| BASE64.encode(bytes)));
        for token in tokens {
            assert_eq!(parse_page_token(&filter, &token), Err(InvalidPageToken::NotAToken), "{token}");
        }
    }
}
