//! Who can be told of something: a representative or a unit, and who may read what they were told.

use huying_platform::{
    auth::{Principal, Role},
    codes::{InvalidCode, RepresentativeCode, UnitCode},
    directory::Directory,
};

/// Somebody with a mailbox. Sorts as its [`Recipient::key`] does in the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// A representative 人大代表.
    Representative(RepresentativeCode),
    /// An office or a department.
    Unit(UnitCode),
}

/// Why a caller may not use a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipientRefused {
    /// The mailbox belongs to somebody else.
    #[error("the mailbox of {0} can be read by that recipient and by operators of its region only")]
    NotYours(Recipient),
    /// Nobody of that code has ever been imported.
    #[error("{0} is not in the directory")]
    Unknown(Recipient),
}

impl Recipient {
    /// The representative with this code.
    ///
    /// # Errors
    /// When the code is malformed.
    pub fn representative(code: &str) -> Result<Self, InvalidCode> {
        code.parse().map(Self::Representative)
    }

    /// The unit with this code.
    ///
    /// # Errors
    /// When the code is malformed.
    pub fn unit(code: &str) -> Result<Self, InvalidCode> {
        code.parse().map(Self::Unit)
    }

    /// How the recipient stands in the database: `r:` or `u:` and the code. Representatives and units have codes of
    /// the same form, so the code alone would not do.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Representative(code) => format!("r:{code}"),
            Self::Unit(code) => format!("u:{code}"),
        }
    }

    /// Reads a [`Recipient::key`].
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        match key.split_once(':')? {
            ("r", code) => Self::representative(code).ok(),
            ("u", code) => Self::unit(code).ok(),
            _ => None,
        }
    }

    /// Whether a caller may read and acknowledge this mailbox: its owner and operators may, with a token that is not
    /// limited to another region. Those who are retired from the directory keep what they were told.
    ///
    /// # Errors
    /// Says whether the mailbox is another's, or of nobody.
    pub fn admit(&self, caller: &Principal, directory: &Directory) -> Result<(), RecipientRefused> {
        // Authority comes first, so that a stranger does not learn which codes exist.
        let home = match self {
            Self::Representative(code) => directory.representative(code.as_str()).map(|one| &one.region),
            Self::Unit(code) => directory.unit(code.as_str()).map(|unit| &unit.region),
        };
        let is_in_scope = caller.region.is_none()
            || home.and_then(|region| directory.path_of(region)).is_some_and(|path| caller.covers(&path));
        if !self.may_be_read_by(caller) || !is_in_scope {
            return Err(RecipientRefused::NotYours(self.clone()));
        }
        if home.is_some() { Ok(()) } else { Err(RecipientRefused::Unknown(self.clone())) }
    }

    fn may_be_read_by(&self, caller: &Principal) -> bool {
        match (caller.role, self) {
            (Role::Operator, _) => true,
            (Role::Representative, Self::Representative(code)) => caller.code == code.as_str(),
            (Role::Office | Role::Department, Self::Unit(code)) => caller.code == code.as_str(),
            (Role::Representative, Self::Unit(_))
            | (Role::Office | Role::Department, Self::Representative(_))
            | (Role::Auditor, _) => false,
        }
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Representative(code) => write!(f, "representative {code}"),
            Self::Unit(code) => write!(f, "unit {code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use huying_proto::events::v1::{DirectoryEntry, Region, Representative, Unit, directory_entry::Entry};

    use super::*;

    fn caller(role: Role, code: &str) -> Principal {
        Principal { subject: "s".into(), role, code: code.into(), region: None }
    }

    #[test]
    fn a_key_reads_back() {
        for recipient in [Recipient::representative("r-150802-001"), Recipient::unit("150802-office")] {
            let recipient = recipient.unwrap();
            assert_eq!(Recipient::from_key(&recipient.key()), Some(recipient));
        }
        for key in ["", "r:", "x:150802-office", "150802-office", "u:住建局"] {
            assert_eq!(Recipient::from_key(key), None, "{key}");
        }
    }

    #[test]
    fn recipients_sort_as_their_keys_do() {
        let mut recipients =
            ["r:b", "u:a", "r:a", "u:a-b", "u:a0"].map(|key| Recipient::from_key(key).unwrap());
        recipients.sort();
        let keys = recipients.map(|recipient| recipient.key());
        let mut sorted = keys.clone();
        sorted.sort();
        assert_eq!(keys, sorted);
    }

    #[test]
    fn a_token_for_a_region_opens_the_mailboxes_there() {
        let region = |code: &str, parent: &str| {
            let region = Region { code: code.into(), parent: parent.into(), ..Region::default() };
            DirectoryEntry { entry: Some(Entry::Region(region)), ..DirectoryEntry::default() }
        };
        let unit = Unit { code: "150802001-office".into(), region: "150802001".into(), ..Unit::default() };
        let representative =
            Representative { code: "r-1".into(), region: "150802001".into(), ..Representative::default() };
        let directory = Directory::new(
            1,
            [
                region("150800", ""),
                region("150802", "150800"),
                region("150821", "150800"),
                region("150802001", "150802"),
                DirectoryEntry { entry: Some(Entry::Unit(unit)), ..DirectoryEntry::default() },
                DirectoryEntry {
                    entry: Some(Entry::Representative(representative)),
                    ..DirectoryEntry::default()
                },
            ],
        );
        let operator = |region: &str| Principal { region: region.parse().ok(), ..caller(Role::Operator, "") };
        let unit = Recipient::unit("150802001-office").unwrap();
        let unknown = Recipient::unit("150802001-nobody").unwrap();
        for recipient in [unit.clone(), Recipient::representative("r-1").unwrap()] {
            for (region, admitted) in
                [("", true), ("150800", true), ("150802", true), ("150802001", true), ("150821", false)]
            {
                assert_eq!(recipient.admit(&operator(region), &directory).is_ok(), admitted, "{region}");
            }
        }
        assert_eq!(unknown.admit(&operator(""), &directory), Err(RecipientRefused::Unknown(unknown.clone())));
        assert_eq!(unknown.admit(&operator("150802"), &directory), Err(RecipientRefused::NotYours(unknown)));
        let elsewhere =
            Principal { region: Some("150821".parse().unwrap()), ..caller(Role::Office, "150802001-office") };
        assert_eq!(unit.admit(&elsewhere, &directory), Err(RecipientRefused::NotYours(unit)));
    }

    #[test]
    fn only_the_owner_and_operators_read_a_mailbox() {
        let representative = Recipient::representative("r-1").unwrap();
        let unit = Recipient::unit("u-1").unwrap();
        for (role, code, reads_representative, reads_unit) in [
            (Role::Operator, "", true, true),
            (Role::Auditor, "", false, false),
            (Role::Representative, "r-1", true, false),
            (Role::Representative, "r-2", false, false),
            (Role::Representative, "u-1", false, false),
            (Role::Office, "u-1", false, true),
            (Role::Office, "r-1", false, false),
            (Role::Department, "u-1", false, true),
            (Role::Department, "u-2", false, false),
        ] {
            let caller = caller(role, code);
            assert_eq!(representative.may_be_read_by(&caller), reads_representative, "{role:?} {code}");
            assert_eq!(unit.may_be_read_by(&caller), reads_unit, "{role:?} {code}");
        }
    }
}
