//! What a submission must be to be taken, and what of it becomes public.
//!
//! [`Submission::parse`] collects every fault of a request against the bounds in `intake.proto` and the directory.
//! What it returns cannot be wrong: the region exists, the addressee exists, every text is within its bounds. Masking
//! is the platform's (`redact`); sealing, keys and receipts are left to others.

use huying_platform::{
    codes::{InvalidCode, RegionCode, RegionPath, RepresentativeCode, StationCode},
    directory::Directory,
    keys::IdempotencyKey,
    redact,
    status::micros,
};
use huying_proto::{
    events::v1::{self as events, CaseHeader, CaseKind, Publication},
    intake::v1::{Petitioner, SubmitCaseRequest},
};
use jiff::Timestamp;

use super::{
    picture::{PICTURES_MAX, PICTURES_MAX_BYTES, PictureFault},
    violation::{Fault, Faults, Field, Violation},
};

#[cfg(test)]
mod tests;

/// Most characters of a title, as written and as published.
pub const TITLE_MAX_CHARS: usize = 120;
/// Most characters of a text, as written and as published.
pub const BODY_MAX_CHARS: usize = 20_000;
/// Most characters of a name.
pub const NAME_MAX_CHARS: usize = 50;
/// Most characters of a phone number.
pub const PHONE_MAX_CHARS: usize = 30;
/// Most characters of an address.
pub const ADDRESS_MAX_CHARS: usize = 200;
/// Most representatives of a station that hear of one case.
pub const REPRESENTATIVES_MAX: usize = 200;

/// Longest category path that is looked up at all; the directory's own are far shorter.
const CATEGORY_MAX_CHARS: usize = 200;

/// A submission that can be taken.
#[derive(Clone, PartialEq, Eq)]
pub struct Submission {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// Kind of the matter.
    pub kind: CaseKind,
    /// Where it was placed.
    pub region: RegionPath,
    /// Whom the citizen wrote to.
    pub addressee: Addressee,
    /// Codes of the representatives who are to hear of it; at most [`REPRESENTATIVES_MAX`].
    pub representative_codes: Vec<String>,
    /// Category path; empty when none was given.
    pub category: String,
    /// What the public may see.
    pub publication: Publication,
    /// Title as written.
    pub title: String,
    /// Text as written.
    pub body: String,
    /// Who writes.
    pub petitioner: Petitioner,
    /// Pictures as they came: files that nobody has looked into; at most [`PICTURES_MAX`].
    pub pictures: Vec<Vec<u8>>,
}

/// Whom a citizen wrote to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addressee {
    /// A representative.
    Representative(RepresentativeCode),
    /// A station, that is: all who serve there.
    Station(StationCode),
    /// The office of a region.
    Region(RegionCode),
}

impl Submission {
    /// Checks a request.
    ///
    /// # Errors
    /// Every fault there is, at least one.
    pub fn parse(request: SubmitCaseRequest, directory: &Directory) -> Result<Self, Vec<Violation>> {
        let mut faults = Faults::default();
        let petitioner = request.petitioner.unwrap_or_default();

        let key = faults.take(Field::IdempotencyKey, IdempotencyKey::parse(&request.idempotency_key));
        let kind = faults.take(Field::Kind, kind(request.kind));
        let place = place(
            &request.region_code,
            &request.representative_code,
            &request.station_code,
            directory,
            &mut faults,
        );
        if !request.category.is_empty() {
            faults.take(Field::Category, known_category(&request.category, directory));
        }
        faults.check_required_text(Field::Title, &request.title, TITLE_MAX_CHARS);
        faults.check_required_text(Field::Body, &request.body, BODY_MAX_CHARS);
        faults.check_text(Field::Name, &petitioner.name, NAME_MAX_CHARS);
        faults.check_text(Field::Phone, &petitioner.phone, PHONE_MAX_CHARS);
        if !petitioner
            .phone
            .chars()
            .all(|character| character.is_ascii_digit() || "+- ()".contains(character))
        {
            faults.add(Field::Phone, Fault::NotAPhone);
        }
        faults.check_text(Field::Address, &petitioner.address, ADDRESS_MAX_CHARS);
        let publication = faults.take(Field::Publication, publication(request.publication));
        check_pictures(&request.pictures, &mut faults);

        let submission = key.zip(kind).zip(place).zip(publication).map(
            |(((key, kind), Place { region, addressee, representative_codes }), publication)| Self {
                key,
                kind,
                region,
                addressee,
                representative_codes,
                category: request.category,
                publication,
                title: request.title,
                body: request.body,
                petitioner,
                pictures: request.pictures,
            },
        );
        faults.finish(submission)
    }

    /// The case in short, as every event of it carries it: masked.
    #[must_use]
    pub fn header(&self, received_at: Timestamp) -> CaseHeader {
        let one_line = self.title.split_whitespace().collect::<Vec<_>>().join(" ");
        CaseHeader {
            kind: self.kind.into(),
            region: Some(self.region.to_proto()),
            addressee: Some(self.addressee.to_proto()),
            title: cut(self.masked(&one_line), TITLE_MAX_CHARS),
            category: self.category.clone(),
            publication: self.publication.into(),
            submitted_at_us: micros(received_at),
            representative_codes: self.representative_codes.clone(),
        }
    }

    /// The text that may be published once the case is registered: masked.
    #[must_use]
    pub fn public_body(&self) -> String {
        cut(self.masked(&self.body), BODY_MAX_CHARS)
    }

    fn masked(&self, text: &str) -> String {
        masked_about(text, &self.petitioner)
    }
}

/// A text without what others could find the petitioner by, whoever wrote it.
#[must_use]
pub fn masked_about(text: &str, petitioner: &Petitioner) -> String {
    redact::citizen_text_about(text, &[&petitioner.name, &petitioner.phone, &petitioner.address])
}

/// The same for what the petitioner says later, as long as it is known who they are.
pub(super) fn masked_about_known(text: &str, petitioner: Option<&Petitioner>) -> String {
    petitioner.map_or_else(|| redact::citizen_text(text), |petitioner| masked_about(text, petitioner))
}

impl std::fmt::Debug for Submission {
    /// Without a word of the citizen's.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Submission")
            .field("kind", &self.kind)
            .field("region", &self.region)
            .field("addressee", &self.addressee)
            .field("category", &self.category)
            .field("publication", &self.publication)
            .field("pictures", &self.pictures.len())
            .finish_non_exhaustive()
    }
}

impl Addressee {
    /// The addressee as it stands in contracts.
    #[must_use]
    pub fn to_proto(&self) -> events::Addressee {
        use events::addressee::To;
        let to = match self {
            Self::Representative(code) => To::RepresentativeCode(code.to_string()),
            Self::Station(code) => To::StationCode(code.to_string()),
            Self::Region(code) => To::RegionCode(code.to_string()),
        };
        events::Addressee { to: Some(to) }
    }
}

/// Cuts a text to a number of characters.
pub(super) fn cut(mut text: String, max_chars: usize) -> String {
    if text.len() > max_chars
        && let Some((end, _)) = text.char_indices().nth(max_chars)
    {
        text.truncate(end);
    }
    text
}

fn kind(number: i32) -> Result<CaseKind, Fault> {
    let fault = Fault::NotAChoice {
        found: number,
        right: "CASE_KIND_MESSAGE, _SUGGESTION, _PROJECT_PROPOSAL, _DRAFT_COMMENT or _APPOINTMENT",
    };
    match CaseKind::try_from(number) {
        Ok(CaseKind::Unspecified) | Err(_) => Err(fault),
        Ok(kind) => Ok(kind),
    }
}

fn publication(number: i32) -> Result<Publication, Fault> {
    let fault = Fault::NotAChoice { found: number, right: "PUBLICATION_PUBLIC or PUBLICATION_STATUS_ONLY" };
    match Publication::try_from(number) {
        Ok(Publication::Unspecified) | Err(_) => Err(fault),
        Ok(publication) => Ok(publication),
    }
}

/// Number and size. What is in them takes too long to find out to be done before everything else is right.
fn check_pictures(pictures: &[Vec<u8>], faults: &mut Faults) {
    if pictures.len() > PICTURES_MAX {
        faults.add(Field::Pictures, Fault::TooMany { found: pictures.len(), max: PICTURES_MAX });
    }
    let found_bytes = pictures.iter().map(Vec::len).sum();
    if found_bytes > PICTURES_MAX_BYTES {
        faults.add(Field::Pictures, Fault::TooManyBytes { found_bytes, max_bytes: PICTURES_MAX_BYTES });
    }
    for (index, _) in pictures.iter().enumerate().take(PICTURES_MAX).filter(|(_, file)| file.is_empty()) {
        faults.add(Field::Picture(index), PictureFault::Empty);
    }
}

fn known_category(path: &str, directory: &Directory) -> Result<(), Fault> {
    let found_chars = path.chars().count();
    if found_chars > CATEGORY_MAX_CHARS {
        return Err(Fault::TooLong { found_chars, max_chars: CATEGORY_MAX_CHARS });
    }
    if directory.has_category(path) { Ok(()) } else { Err(Fault::Unknown) }
}

struct Place {
    region: RegionPath,
    addressee: Addressee,
    representative_codes: Vec<String>,
}

/// Whom the message is for, and whose region that is.
struct Receiver {
    addressee: Addressee,
    region: RegionPath,
    representative_codes: Vec<String>,
}

/// Region and addressee, each checked on its own and then against the other.
fn place(
    region_code: &str,
    representative_code: &str,
    station_code: &str,
    directory: &Directory,
    faults: &mut Faults,
) -> Option<Place> {
    let nobody = representative_code.is_empty() && station_code.is_empty();
    if region_code.is_empty() && nobody {
        faults.add(Field::RegionCode, Fault::NoPlace);
        return None;
    }
    if !representative_code.is_empty() && !station_code.is_empty() {
        faults.add(Field::StationCode, Fault::TwoAddressees);
    }

    let region = (!region_code.is_empty())
        .then(|| faults.take(Field::RegionCode, known_region(region_code, directory)));
    let representative = (!representative_code.is_empty()).then(|| {
        faults.take(Field::RepresentativeCode, known_representative(representative_code, directory))
    });
    let station = (!station_code.is_empty())
        .then(|| faults.take(Field::StationCode, known_station(station_code, directory)));

    let receiver = match (representative, station) {
        (Some(receiver), _) | (None, Some(receiver)) => Some(receiver?),
        (None, None) => None,
    };
    match (region, receiver) {
        (None, Some(receiver)) => Some(Place {
            region: receiver.region,
            addressee: receiver.addressee,
            representative_codes: receiver.representative_codes,
        }),
        (Some(region), None) => {
            let (code, region) = region?;
            Some(Place { region, addressee: Addressee::Region(code), representative_codes: Vec::new() })
        }
        (Some(region), Some(receiver)) => {
            let (_, region) = region?;
            if region.municipal != receiver.region.municipal {
                let municipal = receiver.region.municipal.to_string();
                faults.add(Field::RegionCode, Fault::OtherMunicipality { municipal });
            }
            Some(Place {
                region,
                addressee: receiver.addressee,
                representative_codes: receiver.representative_codes,
            })
        }
        (None, None) => None,
    }
}

fn known_region(text: &str, directory: &Directory) -> Result<(RegionCode, RegionPath), Fault> {
    let code: RegionCode = text.parse().map_err(|fault: InvalidCode| Fault::Code(fault))?;
    if directory.active_region(text).is_none() {
        return Err(unknown_or_retired(directory.region(text).is_some()));
    }
    let path = directory.path_of(text).ok_or(Fault::Unknown)?;
    Ok((code, path))
}

fn known_representative(text: &str, directory: &Directory) -> Result<Receiver, Fault> {
    let code: RepresentativeCode = text.parse().map_err(|fault: InvalidCode| Fault::Code(fault))?;
    let Some(representative) = directory.active_representative(text) else {
        return Err(unknown_or_retired(directory.representative(text).is_some()));
    };
    Ok(Receiver {
        region: directory.path_of(&representative.region).ok_or(Fault::Unknown)?,
        representative_codes: vec![code.to_string()],
        addressee: Addressee::Representative(code),
    })
}

fn known_station(text: &str, directory: &Directory) -> Result<Receiver, Fault> {
    let code: StationCode = text.parse().map_err(|fault: InvalidCode| Fault::Code(fault))?;
    let Some(station) = directory.active_station(text) else {
        return Err(unknown_or_retired(directory.station(text).is_some()));
    };
    let representative_codes = directory
        .representatives_of_station(text)
        .iter()
        .filter(|code| directory.active_representative(code).is_some())
        .take(REPRESENTATIVES_MAX)
        .cloned()
        .collect();
    Ok(Receiver {
        region: directory.path_of(&station.region).ok_or(Fault::Unknown)?,
        representative_codes,
        addressee: Addressee::Station(code),
    })
}

const fn unknown_or_retired(was_known: bool) -> Fault {
    if was_known { Fault::Retired } else { Fault::Unknown }
}
