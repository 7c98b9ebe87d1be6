//! Who may do what: one table of role, relation to the case, and act.
//!
//! A unit acts only on cases that it holds, is responsible for or has a part of; an office also sees to it that offices
//! below it act. A representative acts on cases addressed to or claimed by them. Operators and auditors read everything and
//! decide nothing. A token that is limited to a region is good for nothing outside it. What the state of a case lets
//! through is not asked here, nor whose part a part is. docs/authority.md is printed from here.

use huying_platform::{
    auth::{Principal, Role},
    codes::RegionPath,
    directory::Directory,
};
use huying_proto::events::v1::{CaseHeader, UnitKind, addressee::To};

use super::{
    case::{Case, Stage},
    command::{Command, CommandName},
};

/// More than the tiers there are; the import lets no cycle through, and this bound does not rely on it.
const DEPTH_MAX: usize = 8;

/// How somebody stands to a case. The nearest relation counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The office that holds it, or acts for one that is gone.
    Holder,
    /// The department it is with.
    Responsible,
    /// A department with an open part of it.
    CoHandler,
    /// An office above the one that holds it, which held it once.
    FormerAbove,
    /// An office above the one that holds it.
    RegionAbove,
    /// An office or department that held it or was responsible for it or a part of it once.
    Former,
    /// An office in whose region the case is, not above the one that holds it.
    InRegion,
    /// A representative whom it is addressed to, or who has claimed it.
    Follows,
    /// A representative in whose region the case is.
    Neighbour,
    /// Somebody who watches over all cases, or those of a region.
    Overseer,
    /// None of these.
    Stranger,
}

impl Relation {
    /// Every relation.
    pub const ALL: [Self; 11] = [
        Self::Holder,
        Self::Responsible,
        Self::CoHandler,
        Self::FormerAbove,
        Self::RegionAbove,
        Self::Former,
        Self::InRegion,
        Self::Follows,
        Self::Neighbour,
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

/// What the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// They may.
    Permitted,
    /// They had the case or a part of it, may read it, and their role gives such commands: the answer is who has to act
    /// now, [`super::command::Rejection::NotResponsible`].
    NotNow,
    /// It is not for them to know more.
    Denied,
}

/// In what capacity somebody acts, and how they stand to the case.
type Standpoint = (Role, Relation);

const HOLDER: Standpoint = (Role::Office, Relation::Holder);
const ABOVE: Standpoint = (Role::Office, Relation::RegionAbove);
const ABOVE_ONCE_HOLDER: Standpoint = (Role::Office, Relation::FormerAbove);
const ONCE_HOLDER: Standpoint = (Role::Office, Relation::Former);
const OFFICE_IN_REGION: Standpoint = (Role::Office, Relation::InRegion);
const LEAD: Standpoint = (Role::Department, Relation::Responsible);
const CO_HANDLER: Standpoint = (Role::Department, Relation::CoHandler);
const ONCE_DEPARTMENT: Standpoint = (Role::Department, Relation::Former);
const FOLLOWER: Standpoint = (Role::Representative, Relation::Follows);
const NEIGHBOUR: Standpoint = (Role::Representative, Relation::Neighbour);
const OPERATOR: Standpoint = (Role::Operator, Relation::Overseer);
const AUDITOR: Standpoint = (Role::Auditor, Relation::Overseer);

/// The standpoints from which anything is permitted at all; from every other everything is denied.
pub const STANDPOINTS: [(Role, Relation); 12] = [
    HOLDER,
    ABOVE,
    ABOVE_ONCE_HOLDER,
    ONCE_HOLDER,
    OFFICE_IN_REGION,
    LEAD,
    CO_HANDLER,
    ONCE_DEPARTMENT,
    FOLLOWER,
    NEIGHBOUR,
    OPERATOR,
    AUDITOR,
];

/// The table: who may do it.
const fn permitted_to(act: Act) -> &'static [Standpoint] {
    match act {
        Act::Read => &[
            HOLDER,
            ABOVE,
            ABOVE_ONCE_HOLDER,
            ONCE_HOLDER,
            OFFICE_IN_REGION,
            LEAD,
            CO_HANDLER,
            ONCE_DEPARTMENT,
            FOLLOWER,
            OPERATOR,
            AUDITOR,
        ],
        Act::Command(command) => match command {
            CommandName::Register
            | CommandName::Decline
            | CommandName::Classify
            | CommandName::Assign
            | CommandName::Transfer
            | CommandName::Delegate
            | CommandName::Escalate
            | CommandName::GrantExtension
            | CommandName::RefuseExtension
            | CommandName::Close
            | CommandName::Merge
            | CommandName::Unmerge
            | CommandName::RecomputeClocks => &[HOLDER],
            CommandName::Supervise | CommandName::Criticise | CommandName::Reopen => {
                &[HOLDER, ABOVE, ABOVE_ONCE_HOLDER]
            }
            CommandName::Urge => &[HOLDER, ABOVE, ABOVE_ONCE_HOLDER, FOLLOWER],
            CommandName::Accept
            | CommandName::Return
            | CommandName::Reply
            | CommandName::RequestExtension => &[LEAD],
            CommandName::AssignPart | CommandName::WaivePart => &[HOLDER, LEAD, CO_HANDLER],
            CommandName::AnswerPart => &[CO_HANDLER],
            CommandName::ReportProgress => &[LEAD, CO_HANDLER, FOLLOWER],
            CommandName::Answer => &[FOLLOWER],
            // Whoever it is addressed to may say in public that they will follow it.
            CommandName::Claim => &[FOLLOWER, NEIGHBOUR],
            // The citizen's come through intake-svc, the others from routing-svc itself.
            CommandName::Rate
            | CommandName::Withdraw
            | CommandName::RecordPrivateRead
            | CommandName::RecordErasure
            | CommandName::RunClocks => &[],
        },
    }
}

/// Whether somebody who stands so to a case may do this.
#[must_use]
pub fn judge(role: Role, relation: Relation, act: Act) -> Verdict {
    let permitted = permitted_to(act);
    if permitted.contains(&(role, relation)) {
        return Verdict::Permitted;
    }
    let has_a_past = match relation {
        Relation::CoHandler | Relation::FormerAbove | Relation::Former => true,
        Relation::Holder
        | Relation::Responsible
        | Relation::RegionAbove
        | Relation::InRegion
        | Relation::Follows
        | Relation::Neighbour
        | Relation::Overseer
        | Relation::Stranger => false,
    };
    let role_gives_it = permitted.iter().any(|(giver, _)| *giver == role);
    if has_a_past && role_gives_it { Verdict::NotNow } else { Verdict::Denied }
}

/// Of these commands, those that somebody who stands so to the case may give.
#[must_use]
pub fn allowed_to(role: Role, relation: Relation, commands: &[CommandName]) -> Vec<CommandName> {
    let is_permitted =
        |command: &CommandName| judge(role, relation, Act::Command(*command)) == Verdict::Permitted;
    commands.iter().copied().filter(is_permitted).collect()
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
        Role::Representative => representative_relation(principal, case, header, path.as_ref(), directory),
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

/// Whether the office that a token speaks for is this unit, or acts for it because it is gone.
#[must_use]
pub fn is_acted_for_by(principal: &Principal, unit: &str, directory: &Directory) -> bool {
    unit == principal.code
        || directory.acting_office(unit).is_some_and(|office| office.code == principal.code)
}

fn office_relation(
    principal: &Principal,
    case: &Case,
    path: Option<&RegionPath>,
    directory: &Directory,
) -> Relation {
    let holder = case.holder_office.as_str();
    // A case outlives the office that holds it: another one acts in its place when it is no longer in the directory.
    if is_acted_for_by(principal, holder, directory) {
        return Relation::Holder;
    }
    let acting = directory.acting_office(holder);
    let own_region = office_region(principal, directory);
    let holder_region = acting.or_else(|| directory.unit(holder)).map(|office| office.region.as_str());
    let is_above = own_region
        .zip(holder_region)
        .is_some_and(|(own, holders)| own != holders && lies_in(directory, holders, own));
    match (is_above, case.has_passed(&principal.code)) {
        (true, true) => return Relation::FormerAbove,
        (true, false) => return Relation::RegionAbove,
        (false, true) => return Relation::Former,
        (false, false) => {}
    }
    let is_in_region = own_region
        .and_then(|region| region.parse().ok())
        .zip(path)
        .is_some_and(|(region, path)| path.contains(&region));
    if is_in_region { Relation::InRegion } else { Relation::Stranger }
}

fn department_relation(principal: &Principal, case: &Case) -> Relation {
    // In every other stage it is an office's turn, whose code may stand on a department's token by mistake.
    let is_responsible = case
        .duty
        .as_ref()
        .is_some_and(|duty| duty.stage == Stage::Reply && duty.unit.as_str() == principal.code);
    if is_responsible {
        Relation::Responsible
    } else if case.open_parts().any(|part| part.unit.as_str() == principal.code) {
        Relation::CoHandler
    } else if case.has_passed(&principal.code) {
        Relation::Former
    } else {
        Relation::Stranger
    }
}

fn representative_relation(
    principal: &Principal,
    case: &Case,
    header: &CaseHeader,
    path: Option<&RegionPath>,
    directory: &Directory,
) -> Relation {
    let code = principal.code.as_str();
    let representative = directory.active_representative(code);
    let station = representative.map_or("", |one| one.station.as_str());
    if case.claimed_by.iter().any(|claimed| claimed.as_str() == code) || is_addressed(code, station, header) {
        return Relation::Follows;
    }
    let is_in_region = representative
        .and_then(|one| one.region.parse().ok())
        .zip(path)
        .is_some_and(|(region, path)| path.contains(&region));
    if is_in_region { Relation::Neighbour } else { Relation::Stranger }
}

/// By name, or through the station where they served when the case came, or serve now: whoever is new there takes over what
/// came before them.
fn is_addressed(code: &str, station: &str, header: &CaseHeader) -> bool {
    let named = match header.addressee.as_ref().and_then(|addressee| addressee.to.as_ref()) {
        Some(To::RepresentativeCode(named)) => named == code,
        Some(To::StationCode(named)) => named == station,
        Some(To::RegionCode(_)) | None => false,
    };
    named || header.representative_codes.iter().any(|heard| heard == code)
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
