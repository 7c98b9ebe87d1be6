//! A CSV file whose header names its columns: from text to lines of fields, and faults that say where they are.
//!
//! What a field may be is left to the readers of the calendar and of the policies.

use std::fmt;

/// How many faults a reader lists at most.
const FAULTS_MAX: usize = 100;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// Line in the file, counted from 1, which is the header.
    pub line: u64,
    /// Column; "row" when it is the line as a whole.
    pub column: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.problem)
    }
}

impl std::error::Error for LineFault {}

/// A line with its fields in the order of the columns that were asked for.
pub(super) struct TableLine<'a, const N: usize> {
    number: u64,
    columns: &'static [&'static str; N],
    pub(super) fields: [&'a str; N],
}

impl<const N: usize> TableLine<'_, N> {
    /// A fault of one of its fields, by the position of the column.
    pub(super) fn fault(&self, column: usize, problem: impl fmt::Display) -> LineFault {
        let name = self.columns.get(column).copied().unwrap_or("row");
        let field = self.fields.get(column).copied().unwrap_or_default();
        LineFault { line: self.number, column: name.to_owned(), problem: format!("\"{field}\" {problem}") }
    }
}

/// Reads every line by `read`. The columns may stand in any order; blank lines and a byte order mark are passed over.
///
/// # Errors
/// The faults of all lines, at most [`FAULTS_MAX`].
pub(super) fn read_lines<T, const N: usize>(
    text: &str,
    columns: &'static [&'static str; N],
    mut read: impl FnMut(&TableLine<'_, N>) -> Result<T, LineFault>,
) -> Result<Vec<T>, Vec<LineFault>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut order = None;
    let mut record = csv::StringRecord::new();
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    while faults.len() < FAULTS_MAX {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                faults.push(row_fault(line, "is not CSV; fields separated by commas would be"));
                break;
            }
        }
        let number = record.position().map_or(0, |position| line_of(text.as_bytes(), position));
        let Some(order) = &order else {
            match header(number, &record, columns) {
                Ok(positions) => order = Some(positions),
                Err(fault) => return Err(vec![fault]),
            }
            continue;
        };
        match line(number, &record, columns, order).and_then(|line| read(&line)) {
            Ok(row) => rows.push(row),
            Err(fault) => faults.push(fault),
        }
    }
    if order.is_none() && faults.is_empty() {
        let problem = format!("the file is empty; a header line {} would be right", columns.join(","));
        faults.push(row_fault(1, problem));
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

/// The line a record begins in. The reader's position stands before the line feed and the blank lines that it passes over.
pub(super) fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let passed_over =
        bytes.get(from..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + passed_over.filter(|byte| **byte == b'\n').count() as u64
}

/// For each column its position in the file.
fn header<const N: usize>(
    number: u64,
    record: &csv::StringRecord,
    columns: &'static [&'static str; N],
) -> Result<[usize; N], LineFault> {
    let mut order = [0; N];
    for (position, column) in order.iter_mut().zip(columns) {
        let mut found = record.iter().enumerate().filter(|(_, name)| name == column);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => *position = at,
            (None, _) => return Err(fault(number, column, "is missing from the header line")),
            (Some(_), Some(_)) => return Err(fault(number, column, "is named twice; once would be right")),
        }
    }
    match record.iter().find(|name| !columns.contains(name)) {
        None => Ok(order),
        Some(name) => {
            Err(fault(number, name, format!("is not a column; {} would be right", columns.join(","))))
        }
    }
}

fn line<'a, const N: usize>(
    number: u64,
    record: &'a csv::StringRecord,
    columns: &'static [&'static str; N],
    order: &[usize; N],
) -> Result<TableLine<'a, N>, LineFault> {
    if record.len() != N {
        return Err(row_fault(number, format!("the line has {} fields; {N} would be right", record.len())));
    }
    let fields = order.map(|position| record.get(position).unwrap_or_default());
    Ok(TableLine { number, columns, fields })
}

fn row_fault(line: u64, problem: impl Into<String>) -> LineFault {
    fault(line, "row", problem)
}

fn fault(line: u64, column: &str, problem: impl Into<String>) -> LineFault {
    LineFault { line, column: column.to_owned(), problem: problem.into() }
}
