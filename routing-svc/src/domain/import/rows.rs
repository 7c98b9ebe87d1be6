//! From bytes to rows of named fields: encoding, header, number of fields.

use super::{Faults, File};
use crate::domain::table_file::line_of;

/// A line of a file with its fields by column.
pub(super) struct Line<'a> {
    pub(super) file: File,
    pub(super) number: u64,
    columns: &'a [&'static str],
    fields: Vec<&'a str>,
}

impl Line<'_> {
    /// The field of a column; empty when the header does not name it.
    pub(super) fn field(&self, column: &str) -> &str {
        let position = self.columns.iter().position(|name| *name == column);
        position.and_then(|position| self.fields.get(position)).copied().unwrap_or_default()
    }

    /// Enters a fault of one of its fields.
    pub(super) fn fault(&self, faults: &mut Faults, column: &str, problem: impl Into<String>) {
        faults.add(self.file, self.number, column, problem);
    }
}

/// Hands every well-formed line to `take`. Blank lines are passed over, as CSV writers leave them at the end.
pub(super) fn for_each(
    file: File,
    bytes: &[u8],
    faults: &mut Faults,
    mut take: impl FnMut(&Line<'_>, &mut Faults),
) {
    // Spreadsheets put a byte order mark before UTF-8.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let Some(columns) = read_header(file, &mut reader, &mut record, faults) else { return };

    while !faults.is_full() {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return,
            // Reading from memory with any number of fields leaves nothing to fail; if it does, the rest is unreadable.
            Err(_) => {
                faults.add(
                    file,
                    reader.position().line(),
                    "row",
                    "is not CSV; fields separated by commas would be",
                );
                return;
            }
        }
        let number = record.position().map_or(0, |position| line_of(bytes, position));
        if let Some(fields) = decode(file, number, &record, &columns, faults) {
            take(&Line { file, number, columns: &columns, fields }, faults);
        }
    }
}

/// The columns in the order of the file.
fn read_header(
    file: File,
    reader: &mut csv::Reader<&[u8]>,
    record: &mut csv::ByteRecord,
    faults: &mut Faults,
) -> Option<Vec<&'static str>> {
    let is_present = reader.read_byte_record(record).unwrap_or(false);
    if !is_present {
        faults.add(
            file,
            1,
            "row",
            format!("the file is empty; a header line {} would be right", wanted_header(file)),
        );
        return None;
    }
    let before = faults.0.len();
    let known = || file.columns().iter().chain(file.optional_columns()).copied();
    let mut columns: Vec<&'static str> = Vec::with_capacity(record.len());
    for name in record.iter().map(String::from_utf8_lossy) {
        match known().find(|column| *column == name) {
            None => {
                let problem = format!("is not a column; {} would be right", wanted_header(file));
                faults.add(file, 1, &name, problem);
            }
            Some(column) if columns.contains(&column) => {
                faults.add(file, 1, column, "is named twice; once would be right");
            }
            Some(column) => columns.push(column),
        }
    }
    for column in file.columns().iter().filter(|column| !columns.contains(column)) {
        faults.add(file, 1, column, "is missing from the header line");
    }
    (faults.0.len() == before).then_some(columns)
}

fn wanted_header(file: File) -> String {
    let required = file.columns().join(",");
    match file.optional_columns() {
        [] => required,
        optional => format!("{required} and, if wanted, {}", optional.join(",")),
    }
}

fn decode<'a>(
    file: File,
    number: u64,
    record: &'a csv::ByteRecord,
    columns: &[&'static str],
    faults: &mut Faults,
) -> Option<Vec<&'a str>> {
    if record.len() != columns.len() {
        faults.add(
            file,
            number,
            columns.get(record.len()).copied().unwrap_or("row"),
            format!("the line has {} fields; {} would be right", record.len(), columns.len()),
        );
        return None;
    }
    let mut fields = Vec::with_capacity(columns.len());
    for (field, column) in record.iter().zip(columns) {
        let Ok(text) = std::str::from_utf8(field) else {
            faults.add(file, number, column, "is not UTF-8; save the file as UTF-8");
            return None;
        };
        if text.chars().any(char::is_control) {
            faults.add(file, number, column, "contains a control character");
            return None;
        }
        fields.push(text);
    }
    Some(fields)
}
