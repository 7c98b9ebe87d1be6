//! Goes through a log leaf by leaf and holds everything that was published against it.
//!
//! Guarantees, for whoever gives it every leaf of the log in order: the tree is that of every checkpoint known; the
//! versions of each case are 1, 2, 3 and so on, in the order of the log; each exported case stands as its leaves up to
//! its version say; each exported text is the one committed to, none is shown that must not be, and none withheld that
//! must be; each list of figures is what counting the leaves of its own tree gives.
//!
//! What was downloaded while the log grew is judged by the leaves of its moment, so that growing is no discrepancy: cases by
//! the version that they state, figures by the tree that they state. That nothing is left out is judged for what was in
//! the log before the first download (`begun_at`).
//!
//! Holds some hundred bytes for each case, and nothing for a leaf; how much that is, it says ([`Auditor::held_bytes`]).

use std::collections::{BTreeMap, HashMap};

use super::{
    exported::{Exported, ExportedCase, TextKey},
    figure_file::FigureFile,
    figures::Figures,
    findings::{Discrepancy, Findings, Subject, Unordered},
    history::{History, RepresentativePart, UnitPart},
    merkle::{Hash, TreeHead},
    names::{Name, Names},
    note::Checkpoint,
    told::{Told, case_id_text},
};

mod texts;

use texts::TextMarks;

/// A checkpoint that the log has to live up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) checkpoint: Checkpoint,
    /// Where it comes from.
    pub(crate) source: String,
}

/// What was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) leaves: u64,
    pub(crate) checkpoints: u64,
    /// Cases in the log.
    pub(crate) cases: u64,
    /// Of these, those whose export was compared.
    pub(crate) accounts: u64,
    /// Texts that are what was committed to.
    pub(crate) texts: u64,
    /// Commitments to texts that are not public.
    pub(crate) withheld: u64,
    /// Rows of figures.
    pub(crate) figures: u64,
}

/// The audit of one log.
#[derive(Debug)]
pub(crate) struct Auditor {
    exported: Exported,
    cases: HashMap<u128, Case>,
    /// Last versions of cases whose beginning is not in the log.
    headless: HashMap<u128, u32>,
    head: TreeHead,
    /// Leaves in the log before anything was downloaded.
    begun_at: u64,
    /// By size of the tree.
    known: BTreeMap<u64, Vec<Known>>,
    figures: BTreeMap<u64, Vec<FigureFile>>,
    findings: Findings,
    checked: Checked,
    /// Memory that the cases take up besides their places in the table.
    beside_cases_bytes: u64,
}

/// A case as far as it was read.
#[derive(Debug)]
struct Case {
    history: History,
    /// Its version when the audit began; 0 when it was not yet there.
    begun_version: u32,
    /// Version of the export that was compared.
    exported_version: Option<u32>,
    /// A leaf commits to a title.
    has_title: bool,
    texts: TextMarks,
    /// Memory that it takes up besides its place in the table.
    beside_bytes: u64,
}

impl Case {
    fn beside_bytes(&self) -> u64 {
        // Does not compile when something is forgotten.
        let History { account: _, units, representatives, flows } = &self.history;
        let units = units.capacity() * size_of::<UnitPart>();
        let representatives = representatives.capacity() * size_of::<RepresentativePart>();
        let flows = flows.capacity() * size_of::<Name>();
        (units + representatives + flows) as u64 + self.texts.held_bytes()
    }
}

/// Bytes of memory that exported cases, texts and all names take up, roughly.
pub(crate) fn exported_bytes(exported: &Exported) -> u64 {
    table_bytes(&exported.cases) + table_bytes(&exported.texts) + exported.names.held_bytes()
}

/// Bytes of memory that a table takes up: entries with a byte each, an eighth of them always empty.
pub(super) fn table_bytes<K, V>(table: &HashMap<K, V>) -> u64 {
    (table.capacity() as u64).saturating_mul(8) / 7 * (size_of::<(K, V)>() as u64 + 1)
}

impl Auditor {
    /// `begun_at` is the size of the log before anything was exported; `findings` are what was found until now.
    pub(crate) fn new(
        exported: Exported,
        figures: Vec<FigureFile>,
        known: Vec<Known>,
        begun_at: u64,
        findings: Findings,
    ) -> Self {
        let mut by_size: BTreeMap<u64, Vec<Known>> = BTreeMap::new();
        for checkpoint in known {
            by_size.entry(checkpoint.checkpoint.size).or_default().push(checkpoint);
        }
        let mut figures_by_size: BTreeMap<u64, Vec<FigureFile>> = BTreeMap::new();
        for file in figures {
            // Without rows it is as good as of the tree before it was asked for.
            figures_by_size.entry(file.tree_size().unwrap_or(begun_at)).or_default().push(file);
        }
        let mut auditor = Self {
            exported,
            cases: HashMap::new(),
            headless: HashMap::new(),
            head: TreeHead::default(),
            begun_at,
            known: by_size,
            figures: figures_by_size,
            findings,
            checked: Checked::default(),
            beside_cases_bytes: 0,
        };
        auditor.compare_what_is_of_this_size();
        auditor
    }

    /// Notes something that was found elsewhere.
    pub(crate) fn add(&mut self, discrepancy: Discrepancy) {
        self.findings.add(discrepancy);
    }

    /// Leaves read so far.
    pub(crate) fn size(&self) -> u64 {
        self.head.size()
    }

    /// Bytes of memory that are held, roughly.
    pub(crate) fn held_bytes(&self) -> u64 {
        let figures: u64 = self.figures.values().flatten().map(FigureFile::held_bytes).sum();
        let cases = table_bytes(&self.cases) + table_bytes(&self.headless) + self.beside_cases_bytes;
        exported_bytes(&self.exported) + figures + cases
    }

    /// How much was found so far.
    pub(crate) fn found(&self) -> u64 {
        self.findings.count
    }

    /// Goes on by the next leaf of the log: its hash, and what it tells or why it tells nothing.
    pub(crate) fn append(&mut self, hash: Hash, told: Result<Told, String>) {
        let index = self.head.size();
        self.head.append(hash);
        self.checked.leaves += 1;
        match told {
            Ok(told) => self.follow(index, &told),
            Err(found) => self.findings.add(Discrepancy::new(
                Subject::Leaf,
                format!("leaf {index}"),
                "the canonical JSON of an event",
                found,
            )),
        }
        self.compare_what_is_of_this_size();
    }

    /// Ends the audit: what can only be said when everything was read. A log that was not read to its end is not held
    /// against what is beyond.
    pub(crate) fn finish(mut self, is_whole: bool) -> (Findings, Checked) {
        self.checked.cases = self.cases.len() as u64;
        if !is_whole {
            return (self.findings, self.checked);
        }
        let size = self.head.size();
        let mut last = Unordered::default();
        for known in self.known.values().flatten() {
            let expected = format!("{} leaves or more", known.checkpoint.size);
            last.add(Discrepancy::new(
                Subject::Checkpoint,
                &known.source,
                expected,
                format!("{size} leaves"),
            ));
        }
        for file in self.figures.values().flatten() {
            let found = format!("{} leaves", file.tree_size().unwrap_or_default());
            let expected = format!("figures of a tree of at most {size} leaves");
            last.add(Discrepancy::new(Subject::Figures, file.path(), expected, found));
        }
        if self.exported.has_all_cases {
            self.judge_cases(&mut last);
        }
        if self.exported.has_all_texts {
            self.judge_texts(&mut last);
        }
        last.add_to(&mut self.findings);
        (self.findings, self.checked)
    }

    fn follow(&mut self, index: u64, told: &Told) {
        if !self.is_next(index, told) {
            return;
        }
        let is_old = index < self.begun_at;
        let names = &mut self.exported.names;
        let case = match self.cases.get_mut(&told.case_id) {
            Some(case) => {
                let shown = |case: &Case| {
                    let account = &case.history.account;
                    (
                        account.is_public,
                        account.state.word() == "declined",
                        account.registered,
                        account.erased_before,
                    )
                };
                let before = shown(case);
                case.history.follow(told, names);
                case.texts.restless |= !is_old && before != shown(case);
                case
            }
            None => self.cases.entry(told.case_id).or_insert(Case {
                history: History::open(told, names),
                begun_version: 0,
                exported_version: None,
                has_title: false,
                texts: TextMarks::default(),
                beside_bytes: 0,
            }),
        };
        if is_old {
            case.begun_version = told.version;
        }
        for (name, committed) in &told.commitments {
            case.has_title |= told.version == 1 && name == "title";
            let key = TextKey { case_id: told.case_id, version: told.version, name: names.name(name) };
            let shown = self.exported.texts.remove(&key);
            if let Some(shown) = shown {
                self.checked.texts += 1;
                if shown != *committed {
                    self.findings.add(texts::another_text(told, name, committed, &shown));
                }
            }
            // What came while texts were downloaded may be among them or not.
            if is_old || shown.is_some() {
                case.texts.mark(told.version, key.name, shown.is_some());
            }
        }
        let beside_bytes = case.beside_bytes();
        self.beside_cases_bytes = self.beside_cases_bytes + beside_bytes - case.beside_bytes;
        case.beside_bytes = beside_bytes;
        if let Some(exported) = self.exported.cases.get(&told.case_id)
            && exported.account.version == told.version
        {
            case.exported_version = Some(told.version);
            self.checked.accounts += 1;
            compare_case(told.case_id, case, exported, &self.exported.names, &mut self.findings);
            self.exported.cases.remove(&told.case_id);
        }
    }

    /// Is the leaf the next line of its case? If not, it is said, and when something is missing the rest goes on.
    fn is_next(&mut self, index: u64, told: &Told) -> bool {
        let known = self.cases.get(&told.case_id).map(|case| case.history.account.version);
        let last = known.or_else(|| self.headless.get(&told.case_id).copied()).unwrap_or(0);
        if told.version == last + 1 && (known.is_some() || last == 0) {
            return true;
        }
        if told.version != last + 1 {
            self.findings.add(Discrepancy::new(
                Subject::Leaf,
                format!("leaf {index}, of case {}", case_id_text(told.case_id)),
                format!("version {}", last + 1),
                format!("version {}", told.version),
            ));
        }
        if known.is_none() {
            self.headless.insert(told.case_id, told.version.max(last));
        }
        known.is_some() && told.version > last
    }

    fn compare_what_is_of_this_size(&mut self) {
        let size = self.head.size();
        if let Some(known) = self.known.remove(&size) {
            let root = self.head.root();
            for known in known {
                self.checked.checkpoints += 1;
                if known.checkpoint.root != root {
                    self.findings.add(Discrepancy::new(
                        Subject::Checkpoint,
                        format!("{}, {size} leaves", known.source),
                        format!("the root of the leaves, {}", data_encoding::BASE64.encode(&root)),
                        data_encoding::BASE64.encode(&known.checkpoint.root),
                    ));
                }
            }
        }
        if let Some(files) = self.figures.remove(&size) {
            let figures = Figures::of(self.cases.values().map(|case| &case.history));
            for file in files {
                self.checked.figures += file.compare(&figures, &self.exported.names, &mut self.findings);
            }
        }
    }

    /// Cases that the export leaves out, has of an older version than it must, or of one that never was.
    fn judge_cases(&self, last: &mut Unordered) {
        let place = |case_id: u128| format!("/cases.jsonl case {}", case_id_text(case_id));
        let differs = |case_id: u128, expected: String, found: String| {
            Discrepancy::new(Subject::Case, place(case_id), expected, found)
        };
        for (case_id, case) in self.cases.iter().filter(|(_, case)| case.begun_version > 0) {
            let expected = || format!("version {} or a later one", case.begun_version);
            match case.exported_version {
                Some(version) if version >= case.begun_version => {}
                Some(version) => last.add(differs(*case_id, expected(), format!("version {version}"))),
                None if self.exported.cases.contains_key(case_id) => {}
                None => last.add(differs(*case_id, expected(), "no row".to_owned())),
            }
        }
        for (case_id, exported) in &self.exported.cases {
            let expected = match self.cases.get(case_id) {
                Some(case) => format!("version {} at most", case.history.account.version),
                None => "no such case".to_owned(),
            };
            last.add(differs(*case_id, expected, format!("version {}", exported.account.version)));
        }
    }
}

/// Does a case stand in the export as after the leaf that was just read?
fn compare_case(case_id: u128, case: &Case, exported: &ExportedCase, names: &Names, findings: &mut Findings) {
    let account = &case.history.account;
    let place = |field: &str| format!("/cases.jsonl case {} {field}", case_id_text(case_id));
    for difference in account.differences(&exported.account, names) {
        findings.add(Discrepancy::new(
            Subject::Case,
            place(difference.field),
            difference.expected,
            difference.found,
        ));
    }
    let shows_title = case.has_title && account.shows(1, "title");
    if shows_title != exported.title.is_some() {
        let word = |is_shown| if is_shown { "the title" } else { "" };
        let found = word(exported.title.is_some());
        findings.add(Discrepancy::new(Subject::Text, place("title"), word(shows_title), found));
    }
}
