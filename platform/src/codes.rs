//! Codes of regions, units, representatives and stations, checked once and correct from then on.
//!
//! Region codes are those of GB/T 2260 and the National Bureau of Statistics: six digits for a municipality (ending
//! in 00) or a district, nine for a township, the first six of which are its district's.

use std::{fmt, str::FromStr};

use huying_proto::events::v1 as proto;
use serde::{Deserialize, Serialize};

/// What is wrong with a code, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// Not six or nine digits.
    #[error("is not a region code; six digits such as 150802 or nine such as 150802001 would be")]
    Region,
    /// Not 1 to 64 of the allowed characters.
    #[error("is not a code; 1 to 64 of the characters a-z, 0-9 and \"-\" would be")]
    Name,
    /// A region path without a municipality, or with codes of the wrong tier.
    #[error("is not a region path; a municipality, then optionally a district and a township would be")]
    Path,
}

/// A level of local government that holds cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 市级.
    Municipal,
    /// 县级.
    District,
    /// 乡级.
    Township,
}

impl Tier {
    /// The word used in CSV files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Municipal => "municipal",
            Self::District => "district",
            Self::Township => "township",
        }
    }

    /// The tier above, if any.
    #[must_use]
    pub const fn above(self) -> Option<Self> {
        match self {
            Self::Municipal => None,
            Self::District => Some(Self::Municipal),
            Self::Township => Some(Self::District),
        }
    }
}

impl FromStr for Tier {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "municipal" => Ok(Self::Municipal),
            "district" => Ok(Self::District),
            "township" => Ok(Self::Township),
            _ => Err(()),
        }
    }
}

impl From<Tier> for proto::Tier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Municipal => Self::Municipal,
            Tier::District => Self::District,
            Tier::Township => Self::Township,
        }
    }
}

impl TryFrom<proto::Tier> for Tier {
    type Error = ();

    fn try_from(tier: proto::Tier) -> Result<Self, ()> {
        match tier {
            proto::Tier::Unspecified => Err(()),
            proto::Tier::Municipal => Ok(Self::Municipal),
            proto::Tier::District => Ok(Self::District),
            proto::Tier::Township => Ok(Self::Township),
        }
    }
}

/// Code of a region.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RegionCode(String);

impl RegionCode {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tier, which the form of the code tells.
    #[must_use]
    pub fn tier(&self) -> Tier {
        match self.0.len() {
            9 => Tier::Township,
            _ if self.0.ends_with("00") => Tier::Municipal,
            _ => Tier::District,
        }
    }
}

impl FromStr for RegionCode {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let digits = matches!(text.len(), 6 | 9) && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { Ok(Self(text.to_owned())) } else { Err(InvalidCode::Region) }
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionCode({})", self.0)
    }
}

impl<'de> Deserialize<'de> for RegionCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! code_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            /// The text of the code.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidCode;

            fn from_str(text: &str) -> Result<Self, InvalidCode> {
                let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidCode::Name)
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

code_type!(
    /// Code of an office or a department, such as `150802-housing`.
    UnitCode
);
code_type!(
    /// Code of a representative, such as `r-150802001-003`.
    RepresentativeCode
);
code_type!(
    /// Code of a station, such as `150802001-s1`.
    StationCode
);

/// Where a case is in the tree of regions: a municipality, and below it perhaps a district and a township.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RegionPath {
    /// The municipality.
    pub municipal: RegionCode,
    /// The district, if the case is that specific.
    pub district: Option<RegionCode>,
    /// The township, if the case is that specific.
    pub township: Option<RegionCode>,
}

impl RegionPath {
    /// The lowest region on the path: the one the case is in.
    #[must_use]
    pub fn most_specific(&self) -> &RegionCode {
        self.township.as_ref().or(self.district.as_ref()).unwrap_or(&self.municipal)
    }

    /// The region at a tier, if the path reaches down to it.
    #[must_use]
    pub fn at(&self, tier: Tier) -> Option<&RegionCode> {
        match tier {
            Tier::Municipal => Some(&self.municipal),
            Tier::District => self.district.as_ref(),
            Tier::Township => self.township.as_ref(),
        }
    }

    /// Whether a region is on the path, that is: whether the case is in its subtree.
    #[must_use]
    pub fn contains(&self, region: &RegionCode) -> bool {
        self.at(region.tier()) == Some(region)
    }

    /// The path as it stands in contracts.
    #[must_use]
    pub fn to_proto(&self) -> proto::RegionPath {
        let text = |code: &Option<RegionCode>| code.as_ref().map(ToString::to_string).unwrap_or_default();
        proto::RegionPath {
            municipal: self.municipal.to_string(),
            district: text(&self.district),
            township: text(&self.township),
        }
    }

    /// Reads a path from a contract.
    ///
    /// # Errors
    /// When a code is malformed or of the wrong tier. A township without a district is right: a few municipalities,
    /// Dongguan among them, have none.
    pub fn from_proto(path: &proto::RegionPath) -> Result<Self, InvalidCode> {
        let at = |text: &str, tier: Tier| -> Result<Option<RegionCode>, InvalidCode> {
            if text.is_empty() {
                return Ok(None);
            }
            let code = RegionCode::from_str(text)?;
            if code.tier() == tier { Ok(Some(code)) } else { Err(InvalidCode::Path) }
        };
        let municipal = at(&path.municipal, Tier::Municipal)?.ok_or(InvalidCode::Path)?;
        let district = at(&path.district, Tier::District)?;
        let township = at(&path.township, Tier::Township)?;
        Ok(Self { municipal, district, township })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(municipal: &str, district: &str, township: &str) -> proto::RegionPath {
        proto::RegionPath {
            municipal: municipal.into(),
            district: district.into(),
            township: township.into(),
        }
    }

    #[test]
    fn the_form_of_a_region_code_tells_its_tier() {
        for (code, tier) in
            [("150800", Tier::Municipal), ("150802", Tier::District), ("150802001", Tier::Township)]
        {
            assert_eq!(code.parse::<RegionCode>().unwrap().tier(), tier);
        }
    }

    #[test]
    fn a_malformed_code_is_refused() {
        for text in ["", "15080", "1508020", "15080a", "15０802", "150802001001"] {
            assert_eq!(text.parse::<RegionCode>(), Err(InvalidCode::Region), "{text}");
        }
        for text in ["", "Office", "a b", "住建局", &"x".repeat(65)] {
            assert_eq!(text.parse::<UnitCode>(), Err(InvalidCode::Name), "{text}");
        }
    }

    #[test]
    fn a_path_begins_with_a_municipality_and_may_lack_a_district() {
        assert!(RegionPath::from_proto(&path("441900", "", "441900003")).is_ok());
        assert!(RegionPath::from_proto(&path("", "150802", "")).is_err());
        assert!(RegionPath::from_proto(&path("150802", "", "")).is_err());
        assert!(RegionPath::from_proto(&path("150800", "150802", "150802001")).is_ok());
    }

    #[test]
    fn a_path_contains_what_is_on_it() {
        let path = RegionPath::from_proto(&path("150800", "150802", "")).unwrap();
        assert!(path.contains(&"150800".parse().unwrap()));
        assert!(path.contains(&"150802".parse().unwrap()));
        assert!(!path.contains(&"150821".parse().unwrap()));
        assert!(!path.contains(&"150802001".parse().unwrap()));
        assert_eq!(path.most_specific().as_str(), "150802");
    }
}
