//! Who may see a citizen's private part, and who may have it destroyed.
//!
//! Only those who carry the case: the department that has to answer and the office that holds it. Not the addressed
//! representative, not the auditor, and not the operator, who may destroy but never read. A token that is limited to a
//! region is good for nothing outside it.

use huying_platform::{
    auth::{Principal, Role},
    codes::RegionPath,
    directory::Directory,
};
use huying_proto::events::v1::CaseHeader;

use super::standing::Standing;

/// The region by which a token's limit is judged: a unit's own, since a case of the district may be carried by a township;
/// the case's for those who speak for no place. None when the stored header has no region path.
#[must_use]
pub fn judged_by(principal: &Principal, directory: &Directory, case: &CaseHeader) -> Option<RegionPath> {
    let case_region = RegionPath::from_proto(case.region.as_ref()?).ok()?;
    Some(match principal.role {
        Role::Office | Role::Department => {
            let unit = directory.unit(&principal.code);
            unit.and_then(|unit| directory.path_of(&unit.region)).unwrap_or(case_region)
        }
        Role::Operator | Role::Representative | Role::Auditor => case_region,
    })
}

/// Whether somebody may read the private part of a case; `region` is that of [`judged_by`]. Nobody may before routing
/// has decided who holds it.
#[must_use]
pub fn may_read(principal: &Principal, region: &RegionPath, standing: Option<&Standing>) -> bool {
    let Some(standing) = standing else { return false };
    if !principal.covers(region) {
        return false;
    }
    match principal.role {
        Role::Department => is(&standing.responsible_unit, principal),
        Role::Office => is(&standing.holder_office, principal) || is(&standing.responsible_unit, principal),
        Role::Operator | Role::Representative | Role::Auditor => false,
    }
}

/// Whether somebody may destroy the key of the private part of a case; `region` is that of [`judged_by`].
#[must_use]
pub fn may_erase(principal: &Principal, region: &RegionPath, standing: Option<&Standing>) -> bool {
    if !principal.covers(region) {
        return false;
    }
    match principal.role {
        Role::Office => standing.is_some_and(|standing| is(&standing.holder_office, principal)),
        Role::Operator => true,
        Role::Department | Role::Representative | Role::Auditor => false,
    }
}

/// A code may be empty on either side; an empty one is nobody's.
fn is(unit: &str, principal: &Principal) -> bool {
    !unit.is_empty() && unit == principal.code
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::CaseState;

    use super::*;

    fn principal(role: Role, code: &str, region: Option<&str>) -> Principal {
        Principal {
            subject: "test".into(),
            role,
            code: code.into(),
            region: region.map(|code| code.parse().unwrap()),
        }
    }

    fn region() -> RegionPath {
        RegionPath {
            municipal: "150800".parse().unwrap(),
            district: Some("150802".parse().unwrap()),
            township: None,
        }
    }

    fn standing(responsible_unit: &str) -> Standing {
        Standing {
            state: CaseState::InHandling,
            holder_office: "150802-office".into(),
            responsible_unit: responsible_unit.into(),
            deadline_at: None,
            overdue: false,
            merged_into: None,
        }
    }

    #[test]
    fn only_who_carries_the_case_reads() {
        let standing = standing("150802-housing");
        let table = [
            (Role::Department, "150802-housing", true),
            (Role::Department, "150802-roads", false),
            (Role::Department, "150802-office", false),
            (Role::Office, "150802-office", true),
            (Role::Office, "150800-office", false),
            (Role::Operator, "", false),
            (Role::Auditor, "", false),
            (Role::Representative, "150802-housing", false),
        ];
        for (role, code, allowed) in table {
            let principal = principal(role, code, None);
            assert_eq!(may_read(&principal, &region(), Some(&standing)), allowed, "{role:?} {code}");
        }
    }

    #[test]
    fn a_token_for_another_region_opens_and_destroys_nothing() {
        let standing = standing("150802-housing");
        for (scope, allowed) in [("150800", true), ("150802", true), ("150821", false), ("150802001", false)]
        {
            let office = principal(Role::Office, "150802-office", Some(scope));
            assert_eq!(may_read(&office, &region(), Some(&standing)), allowed, "{scope}");
            assert_eq!(may_erase(&office, &region(), Some(&standing)), allowed, "{scope}");
            let department = principal(Role::Department, "150802-housing", Some(scope));
            assert_eq!(may_read(&department, &region(), Some(&standing)), allowed, "{scope}");
        }
    }

    #[test]
    fn nobody_reads_before_routing_has_decided() {
        assert!(!may_read(&principal(Role::Office, "150802-office", None), &region(), None));
    }

    #[test]
    fn a_closed_case_is_nobodys_who_has_no_code() {
        assert!(!may_read(&principal(Role::Department, "", None), &region(), Some(&standing(""))));
    }

    #[test]
    fn the_holding_office_and_operators_of_the_region_erase() {
        let region = region();
        let standing = standing("150802-housing");
        let table = [
            (principal(Role::Office, "150802-office", None), true),
            (principal(Role::Office, "150821-office", None), false),
            (principal(Role::Department, "150802-housing", None), false),
            (principal(Role::Operator, "", None), true),
            (principal(Role::Operator, "", Some("150800")), true),
            (principal(Role::Operator, "", Some("150821")), false),
            (principal(Role::Auditor, "", None), false),
        ];
        for (principal, allowed) in table {
            assert_eq!(may_erase(&principal, &region, Some(&standing)), allowed, "{principal:?}");
        }
        assert!(may_erase(&principal(Role::Operator, "", None), &region, None));
    }
}
