//! Regions, units, stations and representatives, judged line by line.

use std::collections::HashSet;

use huying_platform::codes::{RegionCode, RepresentativeCode, StationCode, Tier, UnitCode};
use huying_proto::events::v1::{
    self as proto, Region, Representative, RepresentativeLevel, Station, Unit, UnitKind,
};

use super::{
    Faults,
    fields::{check_code, check_name, check_region, is_function, tier},
    rows::Line,
};

/// Bound on the functions of one department.
const FUNCTIONS_MAX: usize = 64;

pub(super) fn region(line: &Line<'_>, faults: &mut Faults) -> Option<Region> {
    let (code, parent) = (line.field("code"), line.field("parent"));
    // The national list repeats a municipality that has no districts as its own district, so that every township has
    // one above it. It is the same region; its townships hang under the municipality.
    if line.field("tier") == "district"
        && code == parent
        && code.parse().is_ok_and(|code: RegionCode| code.tier() == Tier::Municipal)
    {
        return None;
    }
    check_name(line, "name", faults);
    let tier = tier(line, "municipal, district or township", faults);
    match (code.parse::<RegionCode>(), tier) {
        (Err(error), _) => line.fault(faults, "code", format!("\"{code}\" {error}")),
        (Ok(code), Some(tier)) if code.tier() != tier => line.fault(
            faults,
            "tier",
            format!("{code} has the form of a {} code, not of a {} one", code.tier().as_str(), tier.as_str()),
        ),
        (Ok(_), _) => {}
    }
    if tier == Some(Tier::Municipal) {
        if !parent.is_empty() {
            line.fault(faults, "parent", "a municipality has no parent; an empty field would be right");
        }
    } else if parent.is_empty() {
        line.fault(faults, "parent", "is empty; the code of the region above would be right");
    }
    Some(Region {
        code: code.to_owned(),
        name: line.field("name").to_owned(),
        tier: proto::Tier::from(tier?).into(),
        parent: parent.to_owned(),
        replaced_by: replaced_by(line, faults),
    })
}

fn replaced_by(line: &Line<'_>, faults: &mut Faults) -> String {
    let successor = line.field("replaced_by");
    if !successor.is_empty() {
        check_code::<RegionCode>(line, "replaced_by", faults);
        if line.field("valid_until").is_empty() {
            line.fault(
                faults,
                "valid_until",
                format!(
                    "is empty, but {successor} replaces the region; the day of the merger would be right"
                ),
            );
        }
    }
    successor.to_owned()
}

pub(super) fn unit(line: &Line<'_>, faults: &mut Faults) -> Option<Unit> {
    check_code::<UnitCode>(line, "code", faults);
    check_name(line, "name", faults);
    check_region(line, faults);
    let kind = match line.field("kind") {
        "office" => UnitKind::Office,
        "department" => UnitKind::Department,
        other => {
            let problem = format!("\"{other}\" is not a kind of unit; office or department would be");
            line.fault(faults, "kind", problem);
            return None;
        }
    };
    Some(Unit {
        code: line.field("code").to_owned(),
        name: line.field("name").to_owned(),
        region: line.field("region").to_owned(),
        kind: kind.into(),
        functions: functions(line, kind, faults),
    })
}

fn functions(line: &Line<'_>, kind: UnitKind, faults: &mut Faults) -> Vec<String> {
    let listed = line.field("functions");
    if listed.is_empty() {
        return Vec::new();
    }
    if kind == UnitKind::Office {
        line.fault(faults, "functions", "an office has no functions; an empty field would be right");
        return Vec::new();
    }
    let functions: Vec<String> = listed.split(';').map(|function| function.trim().to_owned()).collect();
    if functions.len() > FUNCTIONS_MAX {
        let problem = format!("lists {} functions; at most {FUNCTIONS_MAX} would be right", functions.len());
        line.fault(faults, "functions", problem);
    }
    let mut seen = HashSet::new();
    for function in &functions {
        if !is_function(function) {
            let problem =
                format!("\"{function}\" is not a function; a-z, 0-9 and \"-\" separated by \";\" would be");
            line.fault(faults, "functions", problem);
        } else if !seen.insert(function) {
            line.fault(faults, "functions", format!("{function} is listed twice; once would be right"));
        }
    }
    functions
}

pub(super) fn station(line: &Line<'_>, faults: &mut Faults) -> Option<Station> {
    check_code::<StationCode>(line, "code", faults);
    check_name(line, "name", faults);
    check_region(line, faults);
    let longitude = degrees(line, "longitude", 180.0, faults);
    let latitude = degrees(line, "latitude", 90.0, faults);
    Some(Station {
        code: line.field("code").to_owned(),
        name: line.field("name").to_owned(),
        region: line.field("region").to_owned(),
        longitude: longitude?,
        latitude: latitude?,
    })
}

fn degrees(line: &Line<'_>, column: &str, limit: f64, faults: &mut Faults) -> Option<f64> {
    let text = line.field(column);
    let value = text.parse::<f64>().ok().filter(|value| value.abs() <= limit);
    if value.is_none() {
        let problem = format!("\"{text}\" is not in range; degrees from -{limit} to {limit} would be");
        line.fault(faults, column, problem);
    }
    value
}

pub(super) fn representative(line: &Line<'_>, faults: &mut Faults) -> Option<Representative> {
    check_code::<RepresentativeCode>(line, "code", faults);
    check_name(line, "designation", faults);
    check_region(line, faults);
    let level = match line.field("level") {
        "national" => RepresentativeLevel::National,
        "provincial" => RepresentativeLevel::Provincial,
        "municipal" => RepresentativeLevel::Municipal,
        "district" => RepresentativeLevel::District,
        "township" => RepresentativeLevel::Township,
        other => {
            let levels = "national, provincial, municipal, district or township";
            line.fault(faults, "level", format!("\"{other}\" is not a level; {levels} would be"));
            return None;
        }
    };
    if !line.field("station").is_empty() {
        check_code::<StationCode>(line, "station", faults);
    }
    Some(Representative {
        code: line.field("code").to_owned(),
        designation: line.field("designation").to_owned(),
        region: line.field("region").to_owned(),
        level: level.into(),
        station: line.field("station").to_owned(),
    })
}
