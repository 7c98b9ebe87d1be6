//! From fields to entries: what each field of each file may be, judged line by line.

use std::collections::HashSet;

use huying_platform::codes::{RegionCode, RepresentativeCode, StationCode, Tier, UnitCode};
use huying_proto::events::v1::{
    self as proto, CaseKind, Category, Region, Representative, RepresentativeLevel, RoutingRule, Station,
    Unit, UnitKind,
};

use super::{Draft, Faults, File, Row, kind_word, rows};

/// Bound on names, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Bound on a whole category path, in characters; intake-svc and ledger-svc rely on it.
const CATEGORY_PATH_CHARS_MAX: usize = 200;
/// Bound on the functions of one department.
const FUNCTIONS_MAX: usize = 64;

/// Reads one file into the draft.
pub(super) fn read(file: File, bytes: &[u8], draft: &mut Draft, faults: &mut Faults) {
    match file {
        File::Regions => read_rows(file, bytes, &mut draft.regions, faults, region),
        File::Units => read_rows(file, bytes, &mut draft.units, faults, unit),
        File::Stations => read_rows(file, bytes, &mut draft.stations, faults, station),
        File::Representatives => read_rows(file, bytes, &mut draft.representatives, faults, representative),
        File::Categories => read_rows(file, bytes, &mut draft.categories, faults, category),
        File::Rules => read_rows(file, bytes, &mut draft.rules, faults, rule),
    }
}

fn read_rows<T>(
    file: File,
    bytes: &[u8],
    into: &mut Vec<Row<T>>,
    faults: &mut Faults,
    read_line: fn(&rows::Line<'_>, &mut Faults) -> Option<T>,
) {
    rows::for_each(file, bytes, faults, |line, faults| {
        let before = faults.0.len();
        let value = read_line(line, faults);
        if let Some(value) = value.filter(|_| faults.0.len() == before) {
            into.push(Row { line: Some(line.number), value });
        }
    });
}

fn region(line: &rows::Line<'_>, faults: &mut Faults) -> Option<Region> {
    let (code, name, tier, parent) = (line.field(0), line.field(1), line.field(2), line.field(3));
    // The national list repeats a municipality that has no districts as its own district, so that every township has
    // one above it. It is the same region; its townships hang under the municipality.
    if tier == "district"
        && code == parent
        && code.parse().is_ok_and(|code: RegionCode| code.tier() == Tier::Municipal)
    {
        return None;
    }
    check_name(line, 1, name, faults);
    let tier = match tier.parse::<Tier>() {
        Ok(tier) => Some(tier),
        Err(()) => {
            line.fault(
                faults,
                2,
                format!("\"{tier}\" is not a tier; municipal, district or township would be"),
            );
            None
        }
    };
    match (code.parse::<RegionCode>(), tier) {
        (Err(error), _) => line.fault(faults, 0, format!("\"{code}\" {error}")),
        (Ok(code), Some(tier)) if code.tier() != tier => line.fault(
            faults,
            2,
            format!("{code} has the form of a {} code, not of a {} one", code.tier().as_str(), tier.as_str()),
        ),
        (Ok(_), _) => {}
    }
    if tier == Some(Tier::Municipal) {
        if !parent.is_empty() {
            line.fault(faults, 3, "a municipality has no parent; an empty field would be right");
        }
    } else if parent.is_empty() {
        line.fault(faults, 3, "is empty; the code of the region above would be right");
    }
    Some(Region {
        code: code.to_owned(),
        name: name.to_owned(),
        tier: proto::Tier::from(tier?).into(),
        parent: parent.to_owned(),
    })
}

fn unit(line: &rows::Line<'_>, faults: &mut Faults) -> Option<Unit> {
    check_code::<UnitCode>(line, faults);
    check_name(line, 1, line.field(1), faults);
    check_region(line, 2, faults);
    let kind = match line.field(3) {
        "office" => UnitKind::Office,
        "department" => UnitKind::Department,
        other => {
            line.fault(
                faults,
                3,
                format!("\"{other}\" is not a kind of unit; office or department would be"),
            );
            return None;
        }
    };
    Some(Unit {
        code: line.field(0).to_owned(),
        name: line.field(1).to_owned(),
        region: line.field(2).to_owned(),
        kind: kind.into(),
        functions: functions(line, kind, faults),
    })
}

fn functions(line: &rows::Line<'_>, kind: UnitKind, faults: &mut Faults) -> Vec<String> {
    let listed = line.field(4);
    if listed.is_empty() {
        return Vec::new();
    }
    if kind == UnitKind::Office {
        line.fault(faults, 4, "an office has no functions; an empty field would be right");
        return Vec::new();
    }
    let functions: Vec<String> = listed.split(';').map(|function| function.trim().to_owned()).collect();
    if functions.len() > FUNCTIONS_MAX {
        line.fault(
            faults,
            4,
            format!("lists {} functions; at most {FUNCTIONS_MAX} would be right", functions.len()),
        );
    }
    let mut seen = HashSet::new();
    for function in &functions {
        if !is_function(function) {
            line.fault(
                faults,
                4,
                format!("\"{function}\" is not a function; a-z, 0-9 and \"-\" separated by \";\" would be"),
            );
        } else if !seen.insert(function) {
            line.fault(faults, 4, format!("{function} is listed twice; once would be right"));
        }
    }
    functions
}

fn station(line: &rows::Line<'_>, faults: &mut Faults) -> Option<Station> {
    check_code::<StationCode>(line, faults);
    check_name(line, 1, line.field(1), faults);
    check_region(line, 2, faults);
    let longitude = degrees(line, 3, 180.0, faults);
    let latitude = degrees(line, 4, 90.0, faults);
    Some(Station {
        code: line.field(0).to_owned(),
        name: line.field(1).to_owned(),
        region: line.field(2).to_owned(),
        longitude: longitude?,
        latitude: latitude?,
    })
}

fn representative(line: &rows::Line<'_>, faults: &mut Faults) -> Option<Representative> {
    check_code::<RepresentativeCode>(line, faults);
    check_name(line, 1, line.field(1), faults);
    check_region(line, 2, faults);
    let level = match line.field(3) {
        "national" => RepresentativeLevel::National,
        "provincial" => RepresentativeLevel::Provincial,
        "municipal" => RepresentativeLevel::Municipal,
        "district" => RepresentativeLevel::District,
        "township" => RepresentativeLevel::Township,
        other => {
            line.fault(
                faults,
                3,
                format!("\"{other}\" is not a level; national, provincial, municipal, district or township would be"),
            );
            return None;
        }
    };
    if let (false, Err(error)) = (line.field(4).is_empty(), line.field(4).parse::<StationCode>()) {
        line.fault(faults, 4, format!("\"{}\" {error}", line.field(4)));
    }
    Some(Representative {
        code: line.field(0).to_owned(),
        designation: line.field(1).to_owned(),
        region: line.field(2).to_owned(),
        level: level.into(),
        station: line.field(4).to_owned(),
    })
}

fn category(line: &rows::Line<'_>, faults: &mut Faults) -> Option<Category> {
    let levels = [line.field(0), line.field(1), line.field(2)];
    let depth = levels.iter().take_while(|level| !level.is_empty()).count();
    if let Some(column) =
        (0..3).find(|&column| column >= depth && (column == 0 || !levels[column].is_empty()))
    {
        let empty = if column == 0 { 0 } else { depth };
        line.fault(faults, empty, "is empty; the name of this level would be right");
        return None;
    }
    for (column, level) in levels.iter().enumerate().take(depth) {
        if level.contains('/') || *level == "*" {
            line.fault(faults, column, "contains \"/\" or is \"*\"; a plain name would be right");
        }
        if level.chars().count() > NAME_CHARS_MAX {
            line.fault(
                faults,
                column,
                format!("is too long; 1 to {NAME_CHARS_MAX} characters would be right"),
            );
        }
    }
    let path = levels[..depth].join("/");
    if path.chars().count() > CATEGORY_PATH_CHARS_MAX {
        let fault = format!(
            "makes a path of more than {CATEGORY_PATH_CHARS_MAX} characters with the levels above it"
        );
        line.fault(faults, depth - 1, format!("{fault}; shorter names would be right"));
    }
    Some(Category { path })
}

fn rule(line: &rows::Line<'_>, faults: &mut Faults) -> Option<RoutingRule> {
    check_region(line, 0, faults);
    let kind = kind_of(line.field(1));
    if kind.is_none() {
        line.fault(
            faults,
            1,
            format!(
                "\"{}\" is not a kind; message, suggestion, project_proposal, draft_comment, appointment or * would be",
                line.field(1)
            ),
        );
    }
    let category = if line.field(2) == "*" { "" } else { line.field(2) };
    let Ok(tier) = line.field(3).parse::<Tier>() else {
        line.fault(
            faults,
            3,
            format!("\"{}\" is not a tier; municipal, district or township would be", line.field(3)),
        );
        return None;
    };
    if !is_function(line.field(4)) {
        line.fault(
            faults,
            4,
            format!("\"{}\" is not a function; a-z, 0-9 and \"-\" would be", line.field(4)),
        );
    }
    Some(RoutingRule {
        region: line.field(0).to_owned(),
        kind: kind?.into(),
        category: category.to_owned(),
        tier: proto::Tier::from(tier).into(),
        function: line.field(4).to_owned(),
    })
}

fn kind_of(word: &str) -> Option<CaseKind> {
    if word.is_empty() {
        return Some(CaseKind::Unspecified);
    }
    [
        CaseKind::Unspecified,
        CaseKind::Message,
        CaseKind::Suggestion,
        CaseKind::ProjectProposal,
        CaseKind::DraftComment,
        CaseKind::Appointment,
    ]
    .into_iter()
    .find(|&kind| kind_word(kind) == word)
}

fn is_function(word: &str) -> bool {
    // The same characters and bound as a unit code.
    word.parse::<UnitCode>().is_ok()
}

fn check_code<C: std::str::FromStr>(line: &rows::Line<'_>, faults: &mut Faults)
where
    C::Err: std::fmt::Display,
{
    if let Err(error) = line.field(0).parse::<C>() {
        line.fault(faults, 0, format!("\"{}\" {error}", line.field(0)));
    }
}

fn check_region(line: &rows::Line<'_>, column: usize, faults: &mut Faults) {
    if let Err(error) = line.field(column).parse::<RegionCode>() {
        line.fault(faults, column, format!("\"{}\" {error}", line.field(column)));
    }
}

fn check_name(line: &rows::Line<'_>, column: usize, name: &str, faults: &mut Faults) {
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        line.fault(
            faults,
            column,
            format!("is empty or too long; 1 to {NAME_CHARS_MAX} characters would be right"),
        );
    }
}

fn degrees(line: &rows::Line<'_>, column: usize, limit: f64, faults: &mut Faults) -> Option<f64> {
    let value = line.field(column).parse::<f64>().ok().filter(|value| value.abs() <= limit);
    if value.is_none() {
        line.fault(
            faults,
            column,
            format!("\"{}\" is not in range; degrees from -{limit} to {limit} would be", line.field(column)),
        );
    }
    value
}
