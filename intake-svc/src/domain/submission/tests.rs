use huying_platform::status::from_micros;
use huying_proto::events::v1::{
    Category, DirectoryEntry, Region, Representative, Station, addressee::To, directory_entry::Entry,
};

use super::*;

fn entry(entry: Entry, retired: bool) -> DirectoryEntry {
    DirectoryEntry { entry: Some(entry), retired, ..DirectoryEntry::default() }
}

fn region(code: &str, parent: &str) -> DirectoryEntry {
    let region = Region { code: code.into(), name: code.into(), parent: parent.into(), ..Region::default() };
    entry(Entry::Region(region), false)
}

fn representative(code: &str, region: &str, retired: bool) -> DirectoryEntry {
    let representative = Representative {
        code: code.into(),
        region: region.into(),
        station: "150802001-s1".into(),
        ..Representative::default()
    };
    entry(Entry::Representative(representative), retired)
}

fn directory() -> Directory {
    let station =
        |code: &str| Station { code: code.into(), region: "150802001".into(), ..Station::default() };
    let category = Category { path: "城乡建设/供热".into(), ..Category::default() };
    let old_region = Region { code: "150802009".into(), parent: "150802".into(), ..Region::default() };
    let mut entries = vec![
        region("150800", ""),
        region("150802", "150800"),
        region("150802001", "150802"),
        region("150100", ""),
        entry(Entry::Region(old_region), true),
        representative("r-150802001-001", "150802001", false),
        representative("r-150802001-002", "150802001", true),
        representative("r-150802-001", "150802", false),
        entry(Entry::Station(station("150802001-s1")), false),
        entry(Entry::Station(station("150802001-s2")), true),
        entry(Entry::Category(category), false),
    ];
    entries.push(representative("r-150800-001", "150800", false));
    Directory::new(1, entries)
}

fn request() -> SubmitCaseRequest {
    SubmitCaseRequest {
        idempotency_key: "0123456789abcdef".into(),
        kind: CaseKind::Message.into(),
        region_code: "150802001".into(),
        category: "城乡建设/供热".into(),
        title: "暖气不热".into(),
        body: "三号楼已经一周没有暖气。".into(),
        petitioner: Some(Petitioner {
            name: "王建国".into(),
            phone: "+86 138-1234 (5678)".into(),
            address: "团结街道三号楼".into(),
        }),
        publication: Publication::Public.into(),
        ..SubmitCaseRequest::default()
    }
}

fn parse(change: impl FnOnce(&mut SubmitCaseRequest)) -> Result<Submission, Vec<Violation>> {
    let mut request = request();
    change(&mut request);
    Submission::parse(request, &directory())
}

/// The one fault of a request.
fn fault(change: impl FnOnce(&mut SubmitCaseRequest)) -> (Field, Fault) {
    let mut faults = parse(change).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    let Violation { field, fault } = faults.remove(0);
    (field, fault)
}

#[test]
fn a_message_to_a_region_is_for_its_office() {
    let submission = parse(|_| {}).unwrap();
    assert_eq!(submission.addressee, Addressee::Region("150802001".parse().unwrap()));
    assert_eq!(submission.region.most_specific().as_str(), "150802001");
    assert!(submission.representative_codes.is_empty());
}

#[test]
fn a_message_to_a_representative_is_in_their_region_unless_said_otherwise() {
    let to = |region: &str| {
        parse(|request| {
            request.region_code = region.into();
            request.representative_code = "r-150802-001".into();
        })
    };
    let placed = to("").unwrap();
    assert_eq!(placed.region.most_specific().as_str(), "150802");
    assert_eq!(placed.representative_codes, ["r-150802-001"]);
    let elsewhere = to("150802001").unwrap();
    assert_eq!(elsewhere.region.most_specific().as_str(), "150802001");
    assert_eq!(elsewhere.addressee, Addressee::Representative("r-150802-001".parse().unwrap()));
}

#[test]
fn a_message_to_a_station_is_for_those_who_serve_there_now() {
    let submission = parse(|request| {
        request.region_code = String::new();
        request.station_code = "150802001-s1".into();
    })
    .unwrap();
    assert_eq!(
        submission.representative_codes,
        ["r-150800-001", "r-150802-001", "r-150802001-001"],
        "the retired one is left out"
    );
    assert_eq!(submission.region.most_specific().as_str(), "150802001");
}

#[test]
fn a_region_must_be_in_the_municipality_of_the_addressee() {
    let (field, fault) = fault(|request| {
        request.region_code = "150100".into();
        request.representative_code = "r-150802-001".into();
    });
    assert_eq!(field, Field::RegionCode);
    assert_eq!(fault, Fault::OtherMunicipality { municipal: "150800".into() });
}

#[test]
fn every_single_fault_is_named_at_its_field() {
    type Change = fn(&mut SubmitCaseRequest);
    let table: [(Change, Field, Fault); 23] = [
        (|r| r.kind = 0, Field::Kind, kind(0).unwrap_err()),
        (|r| r.kind = 99, Field::Kind, kind(99).unwrap_err()),
        (|r| r.publication = 0, Field::Publication, publication(0).unwrap_err()),
        (|r| r.region_code = String::new(), Field::RegionCode, Fault::NoPlace),
        (|r| r.region_code = "1508".into(), Field::RegionCode, Fault::Code(InvalidCode::Region)),
        (|r| r.region_code = "150899".into(), Field::RegionCode, Fault::Unknown),
        (|r| r.region_code = "150802009".into(), Field::RegionCode, Fault::Retired),
        (|r| r.representative_code = "r-nobody".into(), Field::RepresentativeCode, Fault::Unknown),
        (|r| r.representative_code = "R!".into(), Field::RepresentativeCode, Fault::Code(InvalidCode::Name)),
        (|r| r.representative_code = "r-150802001-002".into(), Field::RepresentativeCode, Fault::Retired),
        (|r| r.station_code = "150802001-s9".into(), Field::StationCode, Fault::Unknown),
        (|r| r.station_code = "150802001-s2".into(), Field::StationCode, Fault::Retired),
        (|r| r.category = "没有/这样".into(), Field::Category, Fault::Unknown),
        (|r| r.title = " ".into(), Field::Title, Fault::Empty { max_chars: 120 }),
        (|r| r.title = "字".repeat(121), Field::Title, Fault::TooLong { found_chars: 121, max_chars: 120 }),
        (|r| r.body = String::new(), Field::Body, Fault::Empty { max_chars: 20_000 }),
        (
            |r| r.body = "字".repeat(20_001),
            Field::Body,
            Fault::TooLong { found_chars: 20_001, max_chars: 20_000 },
        ),
        (|r| r.body = "a\0b".into(), Field::Body, Fault::ControlCharacter),
        (|r| r.petitioner.as_mut().unwrap().phone = "打给我".into(), Field::Phone, Fault::NotAPhone),
        (
            |r| r.petitioner.as_mut().unwrap().name = "王".repeat(51),
            Field::Name,
            Fault::TooLong { found_chars: 51, max_chars: 50 },
        ),
        (|r| r.pictures = vec![vec![1]; 7], Field::Pictures, Fault::TooMany { found: 7, max: 6 }),
        (
            |r| r.pictures = vec![vec![1; 1_048_577]; 3],
            Field::Pictures,
            Fault::TooManyBytes { found_bytes: 3_145_731, max_bytes: 3_145_728 },
        ),
        (|r| r.pictures = vec![vec![1], Vec::new()], Field::Picture(1), Fault::Picture(PictureFault::Empty)),
    ];
    for (change, field, expected) in table {
        assert_eq!(fault(change), (field, expected));
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = Submission::parse(
        SubmitCaseRequest {
            idempotency_key: "short".into(),
            representative_code: "r-nobody".into(),
            station_code: "150802001-s1".into(),
            petitioner: Some(Petitioner { address: "住".repeat(201), ..Petitioner::default() }),
            ..SubmitCaseRequest::default()
        },
        &directory(),
    )
    .unwrap_err();
    let fields: Vec<Field> = faults.iter().map(|violation| violation.field).collect();
    assert_eq!(
        fields,
        [
            Field::IdempotencyKey,
            Field::Kind,
            Field::StationCode,
            Field::RepresentativeCode,
            Field::Title,
            Field::Body,
            Field::Address,
            Field::Publication
        ]
    );
}

#[test]
fn a_fault_of_the_directory_is_known_from_a_fault_of_the_request() {
    let (_, retired) = fault(|request| request.representative_code = "r-150802001-002".into());
    assert!(retired.is_of_the_directory());
    let (_, empty) = fault(|request| request.title = String::new());
    assert!(!empty.is_of_the_directory());
}

#[test]
fn nobody_has_to_say_who_they_are() {
    assert!(parse(|request| request.petitioner = None).is_ok());
}

#[test]
fn what_is_public_has_personal_data_masked() {
    let submission = parse(|request| {
        request.title = "请回电\n13812345678".into();
        request.body = "我的电话是13812345678，请联系。".into();
    })
    .unwrap();
    let header = submission.header(from_micros(5));
    assert!(!header.title.contains("13812345678") && !header.title.contains('\n'), "{}", header.title);
    assert!(!submission.public_body().contains("13812345678"));
    assert_eq!(header.submitted_at_us, 5);
    assert_eq!(header.addressee.unwrap().to, Some(To::RegionCode("150802001".into())));
    assert_eq!(submission.body, "我的电话是13812345678，请联系。", "the private part stays as written");
}

#[test]
fn who_writes_is_masked_where_they_name_themselves() {
    let submission = parse(|request| {
        request.title = "王建国：暖气不热".into();
        request.body = "我是王 建国，住团结街道三号楼，三号楼没有暖气。".into();
    })
    .unwrap();
    assert_eq!(submission.header(from_micros(5)).title, "王**：暖气不热");
    assert_eq!(submission.public_body(), "我是王 **，住团******，三号楼没有暖气。");
}

#[test]
fn debug_shows_nothing_the_citizen_wrote() {
    let shown = format!("{:?}", parse(|_| {}).unwrap());
    for private in ["暖气", "王建国", "138"] {
        assert!(!shown.contains(private), "{shown}");
    }
}

#[test]
fn cutting_counts_characters() {
    assert_eq!(cut("供热供热".into(), 3), "供热供");
    assert_eq!(cut("供热".into(), 2), "供热");
    assert_eq!(cut("abc".into(), 0), "");
}

#[test]
fn the_petitioners_own_number_is_masked_even_where_no_word_says_that_it_is_one() {
    let petitioner = Petitioner { phone: "8412345".to_owned(), ..Petitioner::default() };
    assert_eq!(masked_about("回访8412345，8413602未接", &petitioner), "回访8******，8413602未接");
}
