//! From bytes to rows of named fields: encoding, header, number of fields.

use super::{Faults, File};

/// A line of a file with its fields by column.
pub(super) struct Line<'a> {
    pub(super) file: File,
    pub(super) number: u64,
    fields: Vec<&'a str>,
}

impl Line<'_> {
    /// A field by the position of its column in [`File::columns`].
    pub(super) fn field(&self, column: usize) -> &str {
        self.fields.get(column).copied().unwrap_or_default()
    }

    /// Enters a fault of one of its fields.
    pub(super) fn fault(&self, faults: &mut Faults, column: usize, problem: impl Into<String>) {
        let column = self.file.columns().get(column).copied().unwrap_or("row");
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
    let Some(order) = read_header(file, &mut reader, &mut record, faults) else { return };

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
        let number = record.position().map_or(0, csv::Position::line);
        if let Some(fields) = decode(file, number, &record, &order, faults) {
            take(&Line { file, number, fields }, faults);
        }
    }
}

/// For each column of [`File::columns`], its position in the file.
fn read_header(
    file: File,
    reader: &mut csv::Reader<&[u8]>,
    record: &mut csv::ByteRecord,
    faults: &mut Faults,
) -> Option<Vec<usize>> {
    let is_present = reader.read_byte_record(record).unwrap_or(false);
    let columns = file.columns();
    if !is_present {
        faults.add(
            file,
            1,
            "row",
            format!("the file is empty; a header line {} would be right", columns.join(",")),
        );
        return None;
    }
    let before = faults.0.len();
    let named: Vec<String> = record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    for (position, name) in named.iter().enumerate() {
        if !columns.contains(&name.as_str()) {
            faults.add(file, 1, name, format!("is not a column; {} would be right", columns.join(",")));
        } else if named[..position].contains(name) {
            faults.add(file, 1, name, "is named twice; once would be right");
        }
    }
    let mut order = Vec::with_capacity(columns.len());
    for &column in columns {
        match named.iter().position(|name| name == column) {
            Some(position) => order.push(position),
            None => faults.add(file, 1, column, "is missing from the header line"),
        }
    }
    (faults.0.len() == before).then_some(order)
}

fn decode<'a>(
    file: File,
    number: u64,
    record: &'a csv::ByteRecord,
    order: &[usize],
    faults: &mut Faults,
) -> Option<Vec<&'a str>> {
    let columns = file.columns();
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
    for (&position, column) in order.iter().zip(columns) {
        let Ok(text) = std::str::from_utf8(record.get(position).unwrap_or_default()) else {
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
