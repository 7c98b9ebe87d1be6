//! Which limit holds for what: by kind, category and tier, and never by code.
//!
//! The most specific policy of a step wins: the longest category path first, then a named kind, then a named
//! tier. Steps and cases of which nothing is said have the built-in policies of data/policies.csv, so that
//! every question has an answer.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::LazyLock};

use huying_platform::codes::Tier;
use huying_proto::events::v1::CaseKind;

use super::{
    import::kind_word,
    limits::Limit,
    table_file::{LineFault, TableLine, read_lines},
};

/// The columns of a policies file.
const COLUMNS: [&str; 5] = ["kind", "category", "tier", "step", "limit"];

/// How long a category path may be, in characters; the import of categories has the same bound.
const CATEGORY_PATH_CHARS_MAX: usize = 200;

/// What has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyStep {
    /// 登记: an office registers a case that came in.
    Register,
    /// 交办: an office assigns a case it registered.
    Assign,
    /// 接收: after this time an assignment counts as accepted.
    Accept,
    /// 答复: a department replies, counted from dispatch.
    Reply,
    /// 再次答复: a department replies to a reopened case.
    ReAnswer,
    /// 评价: the citizen rates.
    Rate,
    /// 延期: the longest extension that can be granted.
    Extension,
    /// 催办: counted, like the two that follow, from the last day of the deadline.
    Urge,
    /// 督办.
    Supervise,
    /// 通报.
    Criticise,
}

impl PolicyStep {
    /// Every step.
    pub const ALL: [Self; 10] = [
        Self::Register,
        Self::Assign,
        Self::Accept,
        Self::Reply,
        Self::ReAnswer,
        Self::Rate,
        Self::Extension,
        Self::Urge,
        Self::Supervise,
        Self::Criticise,
    ];

    /// The word used in CSV files and contracts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Assign => "assign",
            Self::Accept => "accept",
            Self::Reply => "reply",
            Self::ReAnswer => "re_answer",
            Self::Rate => "rate",
            Self::Extension => "extension",
            Self::Urge => "urge",
            Self::Supervise => "supervise",
            Self::Criticise => "criticise",
        }
    }
}

/// A word that names no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a step; register, assign, accept, reply, re_answer, rate, extension, urge, supervise or criticise would be"
)]
pub struct InvalidPolicyStep;

impl FromStr for PolicyStep {
    type Err = InvalidPolicyStep;

    fn from_str(word: &str) -> Result<Self, InvalidPolicyStep> {
        Self::ALL.into_iter().find(|step| step.as_str() == word).ok_or(InvalidPolicyStep)
    }
}

/// One limit, and what it holds for. Its text is its line of CSV with blanks: "message * * reply 13wd".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Kind of case; None means any.
    pub kind: Option<CaseKind>,
    /// Category path, which covers all below it; empty means any.
    pub category: String,
    /// Tier of the unit that has to act; None means any.
    pub tier: Option<Tier>,
    /// What has the limit.
    pub step: PolicyStep,
    /// The limit.
    pub limit: Limit,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.map_or("*", kind_word);
        let category = if self.category.is_empty() { "*" } else { &self.category };
        let tier = self.tier.map_or("*", Tier::as_str);
        write!(f, "{kind} {category} {tier} {} {}", self.step.as_str(), self.limit)
    }
}

/// The policies in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    given: Vec<Policy>,
}

static BUILT_IN: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    read_policies(include_str!("../../data/policies.csv"))
        .expect("the file is part of the program, and a test reads it")
});

impl Policies {
    /// The policies that come with the program.
    #[must_use]
    pub const fn built_in() -> Self {
        Self { given: Vec::new() }
    }

    /// These policies, and where none of them holds for a step of a case, the built-in ones. Of two for the
    /// same the later holds.
    #[must_use]
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        Self { given: policies.into_iter().collect() }
    }

    /// The policy of a step for a case of this kind and category at this tier.
    #[must_use]
    pub fn find(&self, step: PolicyStep, kind: CaseKind, category: &str, tier: Tier) -> &Policy {
        // A case without a kind is refused before it gets here; the most common kind is the harmless reading.
        let kind = if kind == CaseKind::Unspecified { CaseKind::Message } else { kind };
        nearest(&self.given, step, kind, category, tier)
            .or_else(|| nearest(&BUILT_IN, step, kind, category, tier))
            .expect("the built-in policies cover every step of every kind, as a test checks")
    }
}

fn nearest<'a>(
    policies: &'a [Policy],
    step: PolicyStep,
    kind: CaseKind,
    category: &str,
    tier: Tier,
) -> Option<&'a Policy> {
    policies
        .iter()
        .filter(|policy| policy.step == step)
        .filter_map(|policy| rank(policy, kind, category, tier).map(|rank| (rank, policy)))
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, policy)| policy)
}

/// How specific a policy is that holds for a case: levels of its category, whether it names the kind, and the tier.
type Rank = (usize, bool, bool);

fn rank(policy: &Policy, kind: CaseKind, category: &str, tier: Tier) -> Option<Rank> {
    let is_of =
        policy.kind.is_none_or(|named| named == kind) && policy.tier.is_none_or(|named| named == tier);
    if !is_of {
        return None;
    }
    let levels = covered_levels(&policy.category, category)?;
    Some((levels, policy.kind.is_some(), policy.tier.is_some()))
}

/// How many levels a policy's category has, when it covers the case's category.
fn covered_levels(covering: &str, category: &str) -> Option<usize> {
    if covering.is_empty() {
        return Some(0);
    }
    let below = category.strip_prefix(covering)?;
    (below.is_empty() || below.starts_with('/')).then(|| covering.split('/').count())
}

/// Reads a policies file: `kind,category,tier,step,limit`, with `*` for any kind, category or tier.
///
/// # Errors
/// Every faulty line, at most 100: a word that names nothing, a category that is no path, a limit out of its bounds, or two
/// lines for the same kind, category, tier and step.
pub fn read_policies(csv: &str) -> Result<Vec<Policy>, Vec<LineFault>> {
    let mut seen = BTreeSet::new();
    read_lines(csv, &COLUMNS, |line| {
        let policy = read_policy(line)?;
        let [kind, category, tier, step, _] = line.fields.map(str::to_owned);
        if !seen.insert([kind, category, tier, step]) {
            return Err(line.fault(4, "is the second limit for the same; one line would be right"));
        }
        Ok(policy)
    })
}

fn read_policy(line: &TableLine<'_, 5>) -> Result<Policy, LineFault> {
    let [kind, category, tier, step, limit] = line.fields;
    let kind = match kind {
        "*" => None,
        word => Some(kind_of(word).ok_or_else(|| {
            let kinds = "message, suggestion, project_proposal, draft_comment, appointment or *";
            line.fault(0, format!("is not a kind; {kinds} would be"))
        })?),
    };
    let category = match category {
        "*" => "",
        path if is_path(path) => path,
        _ => {
            let problem =
                "is not a category; up to 3 names joined by \"/\", at most 200 characters, or * would be";
            return Err(line.fault(1, problem));
        }
    };
    let tier = match tier {
        "*" => None,
        word => Some(
            word.parse()
                .map_err(|()| line.fault(2, "is not a tier; municipal, district, township or * would be"))?,
        ),
    };
    let step = step.parse().map_err(|error: InvalidPolicyStep| line.fault(3, error))?;
    let limit = limit.parse().map_err(|error: super::limits::InvalidLimit| line.fault(4, error))?;
    Ok(Policy { kind, category: category.to_owned(), tier, step, limit })
}

fn kind_of(word: &str) -> Option<CaseKind> {
    [
        CaseKind::Message,
        CaseKind::Suggestion,
        CaseKind::ProjectProposal,
        CaseKind::DraftComment,
        CaseKind::Appointment,
    ]
    .into_iter()
    .find(|&kind| kind_word(kind) == word)
}

fn is_path(path: &str) -> bool {
    let names: Vec<&str> = path.split('/').collect();
    names.len() <= 3
        && names.iter().all(|name| !name.is_empty() && *name != "*")
        && path.chars().count() <= CATEGORY_PATH_CHARS_MAX
        && !path.chars().any(char::is_control)
}
