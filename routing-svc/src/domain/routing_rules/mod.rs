//! Routing by rules: the nearest rule wins, and every decision leaves a trace.
//!
//! A rule applies when its region is on the case's path, its kind is the case's or any, its category is the case's, one
//! above it, or any, its addressee is whom the citizen wrote to, or anybody, and one of its keywords, when it has any,
//! stands in the title or the text. Of those that apply the best by [`Rank`] wins; the import refuses rules that nothing
//! tells apart, so there are no ties. A rule whose department does not exist on the case's own path does not guess: it is
//! noted in the trace and the next best is tried.
//!
//! A text without a category is classified first ([`super::classification`]). When it is clear enough, the case has that
//! category from then on, and goes where the rules send it. When it is not, only rules that need no category can decide,
//! and when none does, a person gets the case with the best candidates.

mod replay;
mod shadowing;
mod table;

use std::{cell::OnceCell, sync::Arc};

use huying_platform::{
    codes::{RegionPath, Tier, UnitCode},
    directory::Directory,
};
use huying_proto::events::v1::{
    CaseKind, RouteCandidate, RoutingRule, RuleConsidered, RuleTrace, addressee::To,
};

use super::{
    classification::{Candidate, Classifier, Judgement},
    decide::office_at,
    import::kind_word,
};
pub use replay::{Change, PastCase, Replay};
pub use shadowing::{Hopeless, hopeless_rules};
pub use table::Rank;
use table::{RuleTable, levels};

/// How many lines a trace has at most.
pub const TRACE_LINES_MAX: usize = 8;
/// How many keywords of a rule are shown; a rule may have more than a reader wants to see in every trace.
const KEYWORDS_SHOWN_MAX: usize = 8;

/// How sure a decision is, in percent, by what the winning rule goes by. The numbers order the decisions for whoever
/// looks at them; they are not measured. Decisions for a category that was found by classification are no surer than it.
mod confidence {
    /// The rule names whom the citizen wrote to, or the very category of the case.
    pub(super) const EXACT: u32 = 100;
    /// The rule names the level above the case's category.
    pub(super) const ONE_LEVEL_ABOVE: u32 = 90;
    /// The rule names a level further above.
    pub(super) const TWO_LEVELS_ABOVE: u32 = 80;
    /// The rule goes by its keywords alone.
    pub(super) const KEYWORDS: u32 = 85;
    /// The rule takes whatever no other rule does.
    pub(super) const CATCH_ALL: u32 = 70;
}

/// What the rules go by.
#[derive(Debug, Clone, Copy)]
pub struct RouteQuery<'a> {
    /// Place of the case.
    pub path: &'a RegionPath,
    /// Its kind.
    pub kind: CaseKind,
    /// Its category path; empty when it has none.
    pub category: &'a str,
    /// Whom the citizen wrote to.
    pub addressee: Option<&'a To>,
    /// Title with personal data masked.
    pub title: &'a str,
    /// Text with personal data masked.
    pub body: &'a str,
}

/// Where the rules send a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Office that holds it.
    pub office: UnitCode,
    /// Department that is responsible.
    pub department: UnitCode,
}

/// The category that a text was found to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// Category path.
    pub category: String,
    /// Why.
    pub trace: RuleTrace,
}

/// The decision of the rules and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    /// Set when the case had no category and its text has one clearly; it precedes what else was decided.
    pub classified: Option<Classified>,
    /// None when the rules cannot decide.
    pub destination: Option<Destination>,
    /// The rule that won, by its position in the set; None when none did.
    pub rule: Option<usize>,
    /// Why.
    pub trace: RuleTrace,
}

/// A set of rules and the categories of a directory, indexed. Made once for a revision of the directory, and shared.
#[derive(Debug)]
pub struct RoutingIndex {
    directory: Arc<Directory>,
    rule_set_version: u64,
    rules: RuleTable,
    classifier: Arc<Classifier>,
}

impl RoutingIndex {
    /// Indexes the rules in force. Their version is 0 when they never were a set of their own.
    #[must_use]
    pub fn new(directory: Arc<Directory>, rule_set_version: u64) -> Self {
        let rules = RuleTable::new(directory.rules().to_vec());
        let classifier = Arc::new(Classifier::new(directory.category_entries()));
        Self { directory, rule_set_version, rules, classifier }
    }

    /// Other rules over the same directory.
    #[must_use]
    pub fn with_rules(&self, rules: Vec<RoutingRule>, rule_set_version: u64) -> Self {
        Self {
            directory: Arc::clone(&self.directory),
            rule_set_version,
            rules: RuleTable::new(rules),
            classifier: Arc::clone(&self.classifier),
        }
    }

    /// The directory that was indexed. Decide with this one, so that the whole decision has one view.
    #[must_use]
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The rules, as they were given.
    #[must_use]
    pub fn rules(&self) -> &[RoutingRule] {
        self.rules.rules()
    }

    /// Asks the rules where a case belongs.
    #[must_use]
    pub fn route(&self, query: &RouteQuery<'_>) -> Routing {
        let reading = Reading { index: self, query, judgement: OnceCell::new(), keywords: OnceCell::new() };
        let classified = if query.category.is_empty() { reading.classify() } else { None };
        let category = classified.as_ref().map_or(query.category, |found| found.category.as_str());
        let choice = reading.choose(category);

        let mut trace = RuleTrace {
            directory_revision: self.directory.revision(),
            rule_set_version: self.rule_set_version,
            conclusion: conclusion(choice.won.as_ref(), choice.considered.is_empty(), category.is_empty()),
            considered: choice.considered,
            ..RuleTrace::default()
        };
        match &choice.won {
            Some(won) => trace.confidence_percent = reading.confidence(won.rule, category),
            None => trace.candidates = reading.candidates(),
        }
        if classified.is_some() || !trace.candidates.is_empty() {
            trace.matched_keywords.clone_from(&reading.judgement().words);
        }
        let (destination, rule) = choice.won.map(|won| (won.destination, won.rule)).unzip();
        Routing { classified, destination, rule, trace }
    }
}

/// A rule as it is written in rules.csv: region, kind, category, tier and function or unit, and what else it names. Of many
/// keywords the first.
#[must_use]
pub fn rule_text(rule: &RoutingRule) -> String {
    let category = if rule.category.is_empty() { "*" } else { &rule.category };
    let mut text = format!("{} {} {category}", rule.region, kind_word(rule.kind()));
    if rule.unit.is_empty() {
        let tier = Tier::try_from(rule.tier()).map_or("*", Tier::as_str);
        text = format!("{text} {tier} {}", rule.function);
    } else {
        text = format!("{text} unit={}", rule.unit);
    }
    if !rule.keywords.is_empty() {
        let shown = &rule.keywords[..rule.keywords.len().min(KEYWORDS_SHOWN_MAX)];
        let more = if shown.len() < rule.keywords.len() { ";…" } else { "" };
        text = format!("{text} keywords={}{more}", shown.join(";"));
    }
    if !rule.addressee.is_empty() {
        text = format!("{text} addressee={}", rule.addressee);
    }
    if rule.priority > 0 {
        text = format!("{text} priority={}", rule.priority);
    }
    text
}

/// The text of one case, searched at most once for each of the two things that are looked for.
struct Reading<'a> {
    index: &'a RoutingIndex,
    query: &'a RouteQuery<'a>,
    judgement: OnceCell<Judgement>,
    keywords: OnceCell<Vec<bool>>,
}

/// What the rules choose for one category.
struct Choice {
    won: Option<Won>,
    considered: Vec<RuleConsidered>,
}

struct Won {
    rule: usize,
    destination: Destination,
}

impl Reading<'_> {
    fn judgement(&self) -> &Judgement {
        self.judgement.get_or_init(|| self.index.classifier.judge(self.query.title, self.query.body))
    }

    fn classify(&self) -> Option<Classified> {
        let judgement = self.judgement();
        let best = judgement.clear()?;
        let trace = RuleTrace {
            directory_revision: self.index.directory.revision(),
            rule_set_version: self.index.rule_set_version,
            conclusion: format!(
                "来件没有填写类别，按文字归入{}，把握{}%。",
                best.category, best.confidence_percent
            ),
            confidence_percent: best.confidence_percent,
            matched_keywords: judgement.words.clone(),
            ..RuleTrace::default()
        };
        Some(Classified { category: best.category.clone(), trace })
    }

    /// The best rule for a category whose department exists, and the rules next to it.
    fn choose(&self, category: &str) -> Choice {
        let table = &self.index.rules;
        let applying = table.applying(self.query, category, |rule| self.keyword_of(rule).is_some());
        let mut won: Option<(Rank, Won)> = None;
        let mut considered = Vec::new();
        for (rank, rule) in applying {
            let outcome = match &won {
                Some((best, _)) => format!("未采用：{}", rank.behind(best)),
                None => match resolve(&table.rules()[rule], self.query.path, &self.index.directory) {
                    Ok(destination) => {
                        let outcome = self.adopted(rule, &destination);
                        won = Some((rank, Won { rule, destination }));
                        outcome
                    }
                    Err(obstacle) => format!("未采用：{obstacle}"),
                },
            };
            if considered.len() < TRACE_LINES_MAX {
                considered.push(RuleConsidered { rule: rule_text(&table.rules()[rule]), outcome });
            } else if won.is_some() {
                break;
            }
        }
        Choice { won: won.map(|(_, won)| won), considered }
    }

    fn adopted(&self, rule: usize, destination: &Destination) -> String {
        match self.keyword_of(rule) {
            Some(word) if !word.is_empty() => {
                format!("采用：文中有“{word}”，交{}", destination.department)
            }
            Some(_) | None => format!("采用：交{}", destination.department),
        }
    }

    /// The first of a rule's keywords that the text has; the empty word for a rule without keywords.
    fn keyword_of(&self, rule: usize) -> Option<&str> {
        let table = &self.index.rules;
        if table.rules()[rule].keywords.is_empty() {
            return Some("");
        }
        let found = self.keywords.get_or_init(|| table.find_keywords(self.query.title, self.query.body));
        table.first_keyword(rule, found)
    }

    fn confidence(&self, rule: usize, category: &str) -> u32 {
        let rule = &self.index.rules.rules()[rule];
        let by_rule = confidence_by_rule(rule, category);
        let is_found = self.query.category.is_empty() && !rule.category.is_empty();
        match self.judgement.get().and_then(Judgement::clear) {
            Some(best) if is_found => by_rule.min(best.confidence_percent),
            Some(_) | None => by_rule,
        }
    }

    /// The categories that the text speaks for most, each with where it would lead.
    fn candidates(&self) -> Vec<RouteCandidate> {
        let candidate = |found: &Candidate| RouteCandidate {
            unit: self
                .choose(&found.category)
                .won
                .map_or_else(String::new, |won| won.destination.department.to_string()),
            category: found.category.clone(),
            confidence_percent: found.confidence_percent,
        };
        self.judgement().candidates.iter().map(candidate).collect()
    }
}

fn conclusion(won: Option<&Won>, has_no_rule: bool, has_no_category: bool) -> String {
    match won {
        Some(Won { destination, .. }) => {
            format!("由{}登记，交{}办理。", destination.office, destination.department)
        }
        None if !has_no_rule => "适用的规则都找不到承办单位，由人大机构人工分办。".to_owned(),
        None if has_no_category => "来件没有类别，按文字也不能确定，由人大机构人工分办。".to_owned(),
        None => "没有适用的规则，由人大机构人工分办。".to_owned(),
    }
}

fn confidence_by_rule(rule: &RoutingRule, category: &str) -> u32 {
    if !rule.addressee.is_empty() {
        return confidence::EXACT;
    }
    if rule.category.is_empty() {
        return if rule.keywords.is_empty() { confidence::CATCH_ALL } else { confidence::KEYWORDS };
    }
    match levels(category) - levels(&rule.category).min(levels(category)) {
        0 => confidence::EXACT,
        1 => confidence::ONE_LEVEL_ABOVE,
        _ => confidence::TWO_LEVELS_ABOVE,
    }
}

/// Where a rule leads on a path.
fn resolve(rule: &RoutingRule, path: &RegionPath, directory: &Directory) -> Result<Destination, String> {
    if rule.unit.is_empty() {
        return resolve_function(rule, path, directory);
    }
    let unit = directory.active_unit(&rule.unit).ok_or_else(|| format!("承办单位{}已停用", rule.unit))?;
    if !unit.region.parse().is_ok_and(|region| path.contains(&region)) {
        return Err(format!("承办单位{}不在案件所在的地区路径上", rule.unit));
    }
    destination(directory, &unit.region, &unit.code)
}

fn resolve_function(
    rule: &RoutingRule,
    path: &RegionPath,
    directory: &Directory,
) -> Result<Destination, String> {
    let tier = Tier::try_from(rule.tier()).map_err(|()| "规则没有层级".to_owned())?;
    let region = path.at(tier).ok_or_else(|| format!("案件所在路径没有{}一级", tier_word(tier)))?.as_str();
    let department = directory
        .department(region, &rule.function)
        .filter(|unit| directory.active_unit(&unit.code).is_some())
        .ok_or_else(|| format!("{region}没有职能为{}的承办单位", rule.function))?;
    destination(directory, region, &department.code)
}

fn destination(directory: &Directory, region: &str, department: &str) -> Result<Destination, String> {
    let office = office_at(directory, region).ok_or_else(|| format!("{region}没有人大机构"))?;
    let department = department.parse().map_err(|_| format!("{department}不是单位代码"))?;
    Ok(Destination { office, department })
}

const fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Municipal => "市",
        Tier::District => "县",
        Tier::Township => "乡",
    }
}
