//! What the forms of the pages send, and what it means. Everything arrives as text, and missing fields as "".

use huying_platform::directory::Directory;
use huying_proto::{
    events::v1::{CaseKind, Publication},
    intake::v1::{Petitioner, RateCaseRequest, SubmitCaseRequest, WithdrawCaseRequest},
};
use serde::Deserialize;

use crate::domain::violation::{Field, Violation};

/// A fault in the words of the pages, at the form field it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebFault {
    /// Id of the form field.
    pub(super) field: &'static str,
    /// What is wrong and what would be right, in Chinese.
    pub(super) words: String,
}

/// What a link or QR code says of whom to write to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Prefill {
    region: String,
    representative: String,
    station: String,
}

/// The form for writing.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct SubmissionForm {
    pub(super) idempotency_key: String,
    pub(super) kind: String,
    pub(super) region_code: String,
    pub(super) representative_code: String,
    pub(super) station_code: String,
    pub(super) category: String,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) address: String,
    pub(super) publication: String,
    /// How many pictures were chosen. A browser does not keep the choice when the page is shown again.
    #[serde(skip)]
    pub(super) pictures_sent: usize,
}

/// The form for tracking.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TrackForm {
    pub(super) receipt_code: String,
}

/// The form for rating.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct RatingForm {
    pub(super) idempotency_key: String,
    pub(super) receipt_code: String,
    pub(super) resolved: String,
    pub(super) satisfied: String,
    pub(super) comment: String,
    pub(super) reopen: String,
}

/// The form for withdrawing: the receipt alone at first, and the rest when it is confirmed.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct WithdrawalForm {
    pub(super) idempotency_key: String,
    pub(super) receipt_code: String,
    pub(super) reason: String,
    pub(super) confirmed: String,
}

/// Kinds in the order of the page, with the value in the form.
pub(super) const KINDS: [(&str, CaseKind); 5] = [
    ("message", CaseKind::Message),
    ("suggestion", CaseKind::Suggestion),
    ("project_proposal", CaseKind::ProjectProposal),
    ("draft_comment", CaseKind::DraftComment),
    ("appointment", CaseKind::Appointment),
];

/// Publications in the order of the page, with the value in the form.
pub(super) const PUBLICATIONS: [(&str, Publication); 2] =
    [("public", Publication::Public), ("status_only", Publication::StatusOnly)];

impl Prefill {
    /// A form with what the link says, as far as the directory knows it.
    pub(super) fn into_form(self, directory: &Directory, idempotency_key: String) -> SubmissionForm {
        let known = |code: String, is_known: bool| if is_known { code } else { String::new() };
        let by_representative = directory.active_representative(&self.representative).is_some();
        let by_station = !by_representative && directory.active_station(&self.station).is_some();
        let by_region = directory.active_region(&self.region).is_some();
        SubmissionForm {
            idempotency_key,
            kind: "message".to_owned(),
            region_code: known(self.region, by_region),
            representative_code: known(self.representative, by_representative),
            station_code: known(self.station, by_station),
            ..SubmissionForm::default()
        }
    }
}

impl SubmissionForm {
    /// Takes in a field that came by itself. What is no field of the form is passed over.
    pub(super) fn set(&mut self, name: &str, value: String) {
        let field = match name {
            "idempotency_key" => &mut self.idempotency_key,
            "kind" => &mut self.kind,
            "region_code" => &mut self.region_code,
            "representative_code" => &mut self.representative_code,
            "station_code" => &mut self.station_code,
            "category" => &mut self.category,
            "title" => &mut self.title,
            "body" => &mut self.body,
            "name" => &mut self.name,
            "phone" => &mut self.phone,
            "address" => &mut self.address,
            "publication" => &mut self.publication,
            _ => return,
        };
        *field = value;
    }

    /// Browsers send line breaks as CR LF; a text is counted and kept with LF.
    pub(super) fn tidied(mut self) -> Self {
        self.body = self.body.replace("\r\n", "\n");
        for field in [&mut self.title, &mut self.name, &mut self.phone, &mut self.address] {
            *field = field.trim().to_owned();
        }
        self.phone = self.phone.chars().map(half_width).collect();
        self
    }

    /// An addressee stands in the page unseen, so one that is wrong is taken out: the citizen could not do it.
    pub(super) fn without_wrong_addressee(mut self, violations: &[Violation]) -> Self {
        let is_wrong = |field: Field| violations.iter().any(|violation| violation.field == field);
        if is_wrong(Field::RepresentativeCode) {
            self.representative_code.clear();
        }
        if is_wrong(Field::StationCode) {
            self.station_code.clear();
        }
        self
    }

    /// The form as a request. What is not a choice becomes its zero, which is refused by name.
    pub(super) fn to_request(&self, pictures: Vec<Vec<u8>>) -> SubmitCaseRequest {
        let kind = KINDS.iter().find(|(value, _)| *value == self.kind);
        let publication = PUBLICATIONS.iter().find(|(value, _)| *value == self.publication);
        SubmitCaseRequest {
            idempotency_key: self.idempotency_key.clone(),
            kind: kind.map_or(CaseKind::Unspecified, |(_, kind)| *kind).into(),
            region_code: self.region_code.clone(),
            representative_code: self.representative_code.clone(),
            station_code: self.station_code.clone(),
            category: self.category.clone(),
            title: self.title.clone(),
            body: self.body.clone(),
            petitioner: Some(Petitioner {
                name: self.name.clone(),
                phone: self.phone.clone(),
                address: self.address.clone(),
            }),
            publication: publication.map_or(Publication::Unspecified, |(_, publication)| *publication).into(),
            pictures,
        }
    }
}

impl RatingForm {
    pub(super) fn tidied(mut self) -> Self {
        self.comment = self.comment.replace("\r\n", "\n");
        self
    }

    /// The form as a request; both questions must be answered.
    pub(super) fn to_request(&self) -> Result<RateCaseRequest, Vec<WebFault>> {
        let mut faults = Vec::new();
        let mut answer = |field: &'static str, value: &str| {
            if !matches!(value, "yes" | "no") {
                faults.push(WebFault { field, words: "请选择一项。".to_owned() });
            }
            value == "yes"
        };
        let resolved = answer("resolved", &self.resolved);
        let satisfied = answer("satisfied", &self.satisfied);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(RateCaseRequest {
            idempotency_key: self.idempotency_key.clone(),
            receipt_code: self.receipt_code.clone(),
            resolved,
            satisfied,
            comment: self.comment.clone(),
            reopen: self.reopen == "yes",
        })
    }
}

impl WithdrawalForm {
    pub(super) fn tidied(mut self) -> Self {
        self.reason = self.reason.replace("\r\n", "\n");
        self
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed == "yes"
    }

    pub(super) fn to_request(&self) -> WithdrawCaseRequest {
        WithdrawCaseRequest {
            idempotency_key: self.idempotency_key.clone(),
            receipt_code: self.receipt_code.clone(),
            reason: self.reason.clone(),
        }
    }
}

/// The form field of a request's field.
pub(super) const fn form_field(field: Field) -> &'static str {
    match field {
        Field::IdempotencyKey => "idempotency_key",
        Field::Kind => "kind",
        // There are no inputs for codes; who is addressed stands above the region.
        Field::RegionCode | Field::RepresentativeCode | Field::StationCode => "region_code",
        Field::Category => "category",
        Field::Title => "title",
        Field::Body => "body",
        Field::Name => "name",
        Field::Phone => "phone",
        Field::Address => "address",
        Field::Publication => "publication",
        Field::ReceiptCode => "receipt_code",
        Field::Comment => "comment",
        Field::Reopen => "reopen",
        Field::CaseId => "case_id",
        Field::Purpose => "purpose",
        Field::Ground => "ground",
        Field::Reason => "reason",
        Field::Pictures | Field::Picture(_) | Field::Chunk => "pictures",
    }
}

/// The ASCII form of what a Chinese keyboard writes full-width, as in a phone number.
fn half_width(character: char) -> char {
    match character {
        '！'..='～' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        '\u{3000}' => ' ',
        '—' | '–' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_of_browsers_count_once() {
        let form = SubmissionForm { body: "一\r\n二".into(), ..SubmissionForm::default() }.tidied();
        assert_eq!(form.to_request(Vec::new()).body, "一\n二");
    }

    #[test]
    fn a_phone_typed_full_width_is_a_phone() {
        let form =
            SubmissionForm { phone: "　１３８－１２３４ ".into(), ..SubmissionForm::default() }.tidied();
        assert_eq!(form.phone, "138-1234");
    }

    #[test]
    fn a_form_in_parts_is_the_same_form() {
        let mut form = SubmissionForm::default();
        for (name, value) in [("title", "暖气不热"), ("body", "没有暖气"), ("csrf", "x"), ("phone", "138")]
        {
            form.set(name, value.into());
        }
        assert_eq!(
            (form.title.as_str(), form.body.as_str(), form.phone.as_str()),
            ("暖气不热", "没有暖气", "138")
        );
    }

    #[test]
    fn a_rating_needs_both_answers() {
        let form = RatingForm { resolved: "no".into(), ..RatingForm::default() };
        let faults = form.to_request().unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), ["satisfied"]);
    }
}
