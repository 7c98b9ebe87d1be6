//! Who may do what: one table of role, relation to the case, and act.
//!
//! A unit acts only on cases it holds or is responsible for. Operators and auditors read everything and decide nothing.
//! A token that is limited to a region is good for nothing outside it. What the state of a case lets through is not
//! asked here.

use huying_platform::{
    auth::{Principal, Role},
    codes::RegionPath,
    directory::Directory,
};
use huying_proto::events::v1::{CaseHeader, UnitKind, addressee::To};

use super::{
    case::Case,
    command::{Command, CommandName},
};

/// More than the tiers there are; the import lets no cycle through, and this bound does not rely on it.
const DEPTH_MAX: usize = 8;

/// How somebody stands to a case. The nearest relation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The office that holds it.
    Holder,
    /// The department it is with.
    Responsible,
    /// An office or department that held it or was responsible for it once.
    Former,
    /// An office in whose region the case is.
    RegionAbove,
    /// A representative whom it is addressed to.
    Addressed,
    /// Somebody who watches over all cases, or those of a region.
    Overseer,
    /// None of these.
    Stranger,
}

impl Relation {
    /// Every relation.
    pub const ALL: [Self; 7] = [
        Self::Holder,
        Self::Responsible,
        Self::Former,
        Self::RegionAbove,
        Self::Addressed,
        Self::Overseer,
        Self::Stranger,
    ];
}

/// What somebody may want of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// See it with its text and history.
    Read,
    /// Give a command over gRPC.
    Command(CommandName),
}

/// The table.
#[must_use]
pub const fn permits(role: Role, relation: Relation, act: Act) -> bool {
    match (role, act) {
        (Role::Operator | Role::Auditor, Act::Read) => matches!(relation, Relation::Overseer),
        (Role::Operator | Role::Auditor | Role::Representative, Act::Command(_)) => false,
        (Role::Representative, Act::Read) => matches!(relation, Relation::Addressed),
        (Role::Office, Act::Read) => {
            matches!(relation, Relation::Holder | Relation::Former | Relation::RegionAbove)
        }
        (Role::Department, Act::Read) => matches!(relation, Relation::Responsible | Relation::Former),
        (Role::Office, Act::Command(command)) => {
            matches!(relation, Relation::Holder) && is_for_office(command)
        }
        (Role::Department, Act::Command(command)) => {
            matches!(relation, Relation::Responsible) && is_for_department(command)
        }
    }
}

/// How the bearer of a token stands to a case.
#[must_use]
pub fn relation_of(
    principal: &Principal,
    case: &Case,
    header: &CaseHeader,
    directory: &Directory,
) -> Relation {
    let path = header.region.as_ref().and_then(|path| RegionPath::from_proto(path).ok());
    match principal.role {
        Role::Operator | Role::Auditor => {
            let oversees =
                principal.region.is_none() || path.as_ref().is_some_and(|path| principal.covers(path));
            if oversees { Relation::Overseer } else { Relation::Stranger }
        }
        _ if !is_within_scope(principal, directory) => Relation::Stranger,
        Role::Office => office_relation(principal, case, path.as_ref(), directory),
        Role::Department => department_relation(principal, case),
        Role::Representative if is_addressed(&principal.code, header) => Relation::Addressed,
        Role::Representative => Relation::Stranger,
    }
}

/// Whether the unit or representative a token speaks for lies in the region the token is limited to. Always true of a
/// token without such a limit, and of operators and auditors, who speak for no place.
#[must_use]
pub fn is_within_scope(principal: &Principal, directory: &Directory) -> bool {
    let home = match principal.role {
        Role::Operator | Role::Auditor => return true,
        Role::Office | Role::Department => directory.unit(&principal.code).map(|unit| &unit.region),
        Role::Representative => directory.representative(&principal.code).map(|one| &one.region),
    };
    principal.region.is_none() || home.is_some_and(|region| covers_region(principal, directory, region))
}

/// Whether a token is good for a region of the directory.
#[must_use]
pub fn covers_region(principal: &Principal, directory: &Directory, region: &str) -> bool {
    principal.region.is_none() || directory.path_of(region).is_some_and(|path| principal.covers(&path))
}

/// The region of the office that a token speaks for; None when the code is of no office.
#[must_use]
pub fn office_region<'a>(principal: &Principal, directory: &'a Directory) -> Option<&'a str> {
    let unit = directory.unit(&principal.code).filter(|unit| unit.kind() == UnitKind::Office)?;
    Some(&unit.region)
}

const fn is_for_office(command: CommandName) -> bool {
    match command {
        CommandName::Register
        | CommandName::Assign
        | CommandName::Delegate
        | CommandName::Escalate
        | CommandName::Close => true,
        CommandName::Accept
        | CommandName::Return
        | CommandName::ReportProgress
        | CommandName::Reply
        | CommandName::Rate
        | CommandName::RecordPrivateRead
        | CommandName::RecordErasure
        | CommandName::ExpireDeadline => false,
    }
}

const fn is_for_department(command: CommandName) -> bool {
    match command {
        CommandName::Accept | CommandName::Return | CommandName::ReportProgress | CommandName::Reply => true,
        CommandName::Register
        | CommandName::Assign
        | CommandName::Delegate
        | CommandName::Escalate
        | CommandName::Close
        | CommandName::Rate
        | CommandName::RecordPrivateRead
        | CommandName::RecordErasure
        | CommandName::ExpireDeadline => false,
    }
}

/// A case outlives the office that holds it: when that one is no longer in the directory, the office that its region
/// has now acts in its place.
fn succeeds(principal: &Principal, case: &Case, directory: &Directory) -> bool {
    let holder = case.holder_office.as_str();
    directory.active_unit(holder).is_none()
        && directory
            .unit(holder)
            .and_then(|gone| directory.office_of(&gone.region))
            .is_some_and(|office| office.code == principal.code)
}

fn office_relation(
    principal: &Principal,
    case: &Case,
    path: Option<&RegionPath>,
    directory: &Directory,
) -> Relation {
    let holds = case.holder_office.as_str() == principal.code || succeeds(principal, case, directory);
    if holds && is_within_scope(principal, directory) {
        return Relation::Holder;
    }
    if case.has_passed(&principal.code) {
        return Relation::Former;
    }
    let is_above = office_region(principal, directory)
        .and_then(|region| region.parse().ok())
        .zip(path)
        .is_some_and(|(region, path)| path.contains(&region));
    if is_above { Relation::RegionAbove } else { Relation::Stranger }
}

fn department_relation(principal: &Principal, case: &Case) -> Relation {
    let is_responsible = case.duty.as_ref().is_some_and(|duty| duty.unit.as_str() == principal.code);
    if is_responsible {
        Relation::Responsible
    } else if case.has_passed(&principal.code) {
        Relation::Former
    } else {
        Relation::Stranger
    }
}

fn is_addressed(code: &str, header: &CaseHeader) -> bool {
    let named = header.addressee.as_ref().and_then(|addressee| addressee.to.as_ref());
    header.representative_codes.iter().any(|heard| heard == code)
        || matches!(named, Some(To::RepresentativeCode(named)) if named == code)
}

/// Whether a region is another one or lies somewhere below it.
#[must_use]
pub fn lies_in(directory: &Directory, region: &str, root: &str) -> bool {
    let mut at = region;
    for _ in 0..DEPTH_MAX {
        if at == root {
            return true;
        }
        match directory.region(at) {
            Some(found) if !found.parent.is_empty() => at = &found.parent,
            Some(_) | None => return false,
        }
    }
    false
}

/// The act a command is.
#[must_use]
pub const fn act_of(command: &Command) -> Act {
    Act::Command(command.name())
}
