//! One published list of figures, and whether it is what the leaves say.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    auditor::table_bytes,
    exported::{BadRow, shown},
    figures::{Figures, List, Row, is_idle},
    findings::{Discrepancy, Findings, Subject},
    moment::Month,
    names::{Name, Names},
};

/// A list as it was downloaded.
#[derive(Debug)]
pub(crate) struct FigureFile {
    list: List,
    month: Option<Month>,
    /// Leaves in the tree that all rows say they were drawn from; `None` before the first row.
    tree_size: Option<u64>,
    /// Rows as they are; only that there is one where it says that there was nothing to count.
    rows: HashMap<Name, Option<Box<str>>>,
    lines_bytes: u64,
}

impl FigureFile {
    pub(crate) fn new(list: List, month: Option<Month>) -> Self {
        Self { list, month, tree_size: None, rows: HashMap::new(), lines_bytes: 0 }
    }

    /// Below the address of the ledger.
    pub(crate) fn path(&self) -> String {
        match self.month {
            None => format!("/{}.jsonl", self.list.word()),
            Some(month) => format!("/{}.jsonl?month={month}", self.list.word()),
        }
    }

    /// Leaves in the tree that it says it was drawn from; `None` when it has no rows.
    pub(crate) fn tree_size(&self) -> Option<u64> {
        self.tree_size
    }

    /// Bytes of memory that its rows take up, roughly.
    pub(crate) fn held_bytes(&self) -> u64 {
        table_bytes(&self.rows) + self.lines_bytes
    }

    /// Takes a row.
    pub(crate) fn take(&mut self, line: &str, names: &mut Names) -> Result<(), BadRow> {
        const EXPECTED: &str = "a row of figures";
        let wrong = |found: String| BadRow { expected: EXPECTED, found };
        let row: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| wrong(format!("no JSON object: {error}")))?;
        let code = self.list.key(&row).map_err(|column| wrong(format!("one without \"{column}\"")))?;
        let tree_size = row.get("tree_size").and_then(Value::as_u64);
        let tree_size = tree_size.ok_or_else(|| wrong(format!("one of {code} without \"tree_size\"")))?;
        let month = row.get("month").and_then(Value::as_str);
        if self.list.is_by_month() && month != self.month.map(|month| month.to_string()).as_deref() {
            return Err(wrong(format!("one of {code} of the month {}", shown(row.get("month")))));
        }
        if *self.tree_size.get_or_insert(tree_size) != tree_size {
            return Err(BadRow {
                expected: "all rows of one tree",
                found: format!("one of {code} of another, {tree_size} leaves"),
            });
        }
        let idle = Figures::default().row(self.list, Name::default(), None);
        let says_something =
            idle.iter().any(|(column, cell)| row.get(*column).is_none_or(|value| !cell.is_shown_as(value)));
        let kept: Option<Box<str>> = says_something.then(|| Box::from(line));
        self.lines_bytes += kept.as_ref().map_or(0, |line| line.len() as u64);
        match self.rows.insert(names.name(&code), kept) {
            None => Ok(()),
            Some(_) => Err(BadRow { expected: "one row for each", found: format!("a second one of {code}") }),
        }
    }

    /// Compares with what was counted of the leaves of the same tree; how many rows that were.
    pub(crate) fn compare(&self, figures: &Figures, names: &Names, findings: &mut Findings) -> u64 {
        let mut codes: Vec<Name> = self.rows.keys().copied().collect();
        codes.extend(figures.codes(self.list).filter(|code| !self.rows.contains_key(code)));
        codes.sort_unstable_by(|one, other| names.text(*one).cmp(names.text(*other)));
        for code in codes {
            let expected = figures.row(self.list, code, self.month);
            match self.rows.get(&code) {
                Some(Some(line)) => self.compare_row(names.text(code), &expected, line, findings),
                Some(None) => {
                    for (column, cell) in expected.iter().filter(|(_, cell)| !cell.is_idle()) {
                        let place = self.place(names.text(code), column);
                        findings.add(Discrepancy::new(Subject::Figures, place, cell.to_string(), "nothing"));
                    }
                }
                None if is_idle(&expected) => {}
                None => {
                    let first = expected.first().map(|(column, cell)| format!("{column} {cell}"));
                    let expected = format!("a row ({})", first.unwrap_or_default());
                    let place = self.place(names.text(code), "");
                    findings.add(Discrepancy::new(Subject::Figures, place, expected, "none"));
                }
            }
        }
        self.rows.len() as u64
    }

    fn compare_row(&self, code: &str, expected: &Row, line: &str, findings: &mut Findings) {
        // It was read when it was taken.
        let row: Map<String, Value> = serde_json::from_str(line).unwrap_or_default();
        for (column, cell) in expected {
            let value = row.get(*column);
            if !value.is_some_and(|value| cell.is_shown_as(value)) {
                let place = self.place(code, column);
                findings.add(Discrepancy::new(Subject::Figures, place, cell.to_string(), shown(value)));
            }
        }
    }

    fn place(&self, code: &str, column: &str) -> String {
        let gap = if column.is_empty() { "" } else { " " };
        let size = self.tree_size.unwrap_or(0);
        format!("{} {code}{gap}{column} (of {size} leaves)", self.path())
    }
}
