//! Rows as text: CSV for people with a spreadsheet, JSON Lines for programs, of the same columns under the same names.
//!
//! CSV is that of RFC 4180 in UTF-8, with a byte order mark, by which Excel tells UTF-8, and a first line of names. All but
//! numbers is quoted. What a spreadsheet could take for a formula has an apostrophe before it ([`harmless`]); numbers, times and `true` and
//! `false` never have. JSON Lines has one object a line, `null` where CSV has nothing, and a last line that says how
//! many there were: `{"end":true,"rows":2}`. So a file of which a part was lost on its way can be told.

use std::borrow::Cow;

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A file is handed over in pieces of about this many bytes, or of one row if that has more.
const PIECE_BYTES: usize = 32 * 1_024;

/// UTF-8's.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    JsonLines,
}

impl Format {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// Of CSV that of RFC 7111. JSON Lines has none that is registered; this one is in use.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl; charset=utf-8",
        }
    }
}

/// What a row says in a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    /// Tenths, written with one decimal.
    Tenths(u32),
    Flag(bool),
    Time(Timestamp),
    Nothing,
}

impl<'a> Value<'a> {
    /// A text; one that is empty says nothing.
    pub(super) fn text(text: &'a str) -> Self {
        if text.is_empty() { Self::Nothing } else { Self::Text(Cow::Borrowed(text)) }
    }

    pub(super) fn text_or_nothing(text: Option<&'a str>) -> Self {
        text.map_or(Self::Nothing, Self::text)
    }

    pub(super) fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    pub(super) fn number(number: impl Into<u64>) -> Self {
        Self::Number(number.into())
    }

    pub(super) fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Nothing, Self::Time)
    }

    pub(super) fn flag(flag: Option<bool>) -> Self {
        flag.map_or(Self::Nothing, Self::Flag)
    }

    /// What a cell of a spreadsheet has.
    fn cell(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => harmless(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Tenths(tenths) => Cow::Owned(format!("{}.{}", tenths / 10, tenths % 10)),
            Self::Flag(true) => Cow::Borrowed("true"),
            Self::Flag(false) => Cow::Borrowed("false"),
            Self::Time(time) => Cow::Owned(time.to_string()),
            Self::Nothing => Cow::Borrowed(""),
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Tenths(tenths) => serializer.serialize_f64(f64::from(*tenths) / 10.0),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Time(time) => serializer.collect_str(time),
            Self::Nothing => serializer.serialize_none(),
        }
    }
}

/// What makes a formula of a cell. The characters are those that OWASP names for "CSV injection"; Chinese and Japanese
/// editions also take the full-width ones.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The text with an apostrophe wherever a spreadsheet could take it for a formula: at its beginning, and where a spreadsheet
/// whose cells end otherwise than by commas begins one, for it does not see that this one is quoted.
fn harmless(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_formula = |at: usize| text[at..].trim_start_matches([' ', '"']).starts_with(SIGNS);
    let separated = text.match_indices([';', '\t', '\r', '\n']).map(|(at, separator)| at + separator.len());
    let mut marks: Vec<usize> = separated.filter(|at| is_formula(*at)).collect();
    if is_formula(0) || text.starts_with(['\t', '\r', '\n']) {
        marks.insert(0, 0);
    }
    if marks.is_empty() {
        return text;
    }
    let mut harmless = text.into_owned();
    for at in marks.into_iter().rev() {
        harmless.insert(at, '\'');
    }
    Cow::Owned(harmless)
}

/// A column: its name, and what a row says there.
pub(super) struct Column<T> {
    name: &'static str,
    value: Box<Read<T>>,
}

type Read<T> = dyn for<'a> Fn(&'a T) -> Value<'a> + Send + Sync;

/// A column of that name.
pub(super) fn column<T>(
    name: &'static str,
    value: impl for<'a> Fn(&'a T) -> Value<'a> + Send + Sync + 'static,
) -> Column<T> {
    Column { name, value: Box::new(value) }
}

/// Writes rows.
pub(super) struct Sheet<T> {
    columns: Vec<Column<T>>,
    rows: u64,
    piece: Piece,
}

enum Piece {
    Csv(Box<Writer<Vec<u8>>>),
    JsonLines(Vec<u8>),
}

impl<T> Sheet<T> {
    /// A sheet with nothing but its head.
    pub(super) fn new(format: Format, columns: Vec<Column<T>>) -> Self {
        let piece = match format {
            Format::Csv => {
                let mut writer = csv_writer(BYTE_ORDER_MARK.to_vec());
                in_memory(writer.write_record(columns.iter().map(|column| column.name)));
                Piece::Csv(writer)
            }
            Format::JsonLines => Piece::JsonLines(Vec::new()),
        };
        Self { columns, rows: 0, piece }
    }

    /// Writes a row.
    pub(super) fn write(&mut self, row: &T) {
        self.rows += 1;
        match &mut self.piece {
            Piece::Csv(writer) => {
                for column in &self.columns {
                    in_memory(writer.write_field((column.value)(row).cell().as_bytes()));
                }
                in_memory(writer.write_record(None::<&[u8]>));
            }
            Piece::JsonLines(bytes) => {
                let mut serializer = serde_json::Serializer::new(&mut *bytes);
                let cells = self.columns.iter().map(|column| (column.name, (column.value)(row)));
                in_memory(serializer.collect_map(cells));
                bytes.push(b'\n');
            }
        }
    }

    /// Writes what comes after the last row.
    pub(super) fn end(&mut self) {
        match &mut self.piece {
            Piece::Csv(_) => {}
            Piece::JsonLines(bytes) => {
                bytes.extend_from_slice(format!("{{\"end\":true,\"rows\":{}}}\n", self.rows).as_bytes());
            }
        }
    }

    /// What was written since the last piece, once it is enough for one.
    pub(super) fn full_piece(&mut self) -> Option<Vec<u8>> {
        let written = match &self.piece {
            Piece::Csv(writer) => writer.get_ref().len(),
            Piece::JsonLines(bytes) => bytes.len(),
        };
        (written >= PIECE_BYTES).then(|| self.piece())
    }

    /// What was written since the last piece.
    pub(super) fn piece(&mut self) -> Vec<u8> {
        match &mut self.piece {
            Piece::Csv(writer) => {
                let written = std::mem::replace(writer, csv_writer(Vec::new()));
                in_memory(written.into_inner())
            }
            Piece::JsonLines(bytes) => std::mem::take(bytes),
        }
    }
}

fn csv_writer(begun: Vec<u8>) -> Box<Writer<Vec<u8>>> {
    Box::new(
        WriterBuilder::new()
            .quote_style(QuoteStyle::NonNumeric)
            .terminator(Terminator::CRLF)
            .from_writer(begun),
    )
}

fn in_memory<T, E: std::fmt::Debug>(written: Result<T, E>) -> T {
    written.expect("rows have as many cells as there are columns, and memory takes every byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, u64, Option<bool>);

    fn written(format: Format, rows: &[Row]) -> String {
        let mut sheet = Sheet::<Row>::new(
            format,
            vec![
                column("said", |row: &Row| Value::text(row.0)),
                column("times", |row: &Row| Value::Number(row.1)),
                column("is_so", |row: &Row| Value::flag(row.2)),
            ],
        );
        for row in rows {
            sheet.write(row);
        }
        sheet.end();
        String::from_utf8(sheet.piece()).unwrap()
    }

    #[test]
    fn csv_is_that_of_rfc_4180_with_a_byte_order_mark_and_names() {
        let rows = [("暖气\"不热\",\n十四度", 1, Some(true)), ("", 2, None)];
        assert_eq!(
            written(Format::Csv, &rows),
            "\u{feff}\"said\",\"times\",\"is_so\"\r\n\"暖气\"\"不热\"\",\n十四度\",1,\"true\"\r\n\"\",2,\"\"\r\n"
        );
        assert_eq!(written(Format::Csv, &[]), "\u{feff}\"said\",\"times\",\"is_so\"\r\n");
    }

    #[test]
    fn a_text_that_could_be_a_formula_is_made_harmless() {
        for text in ["=1+1", "+8613900000000", "-1", "@sum", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x"]
        {
            let csv = written(Format::Csv, &[(text, 1, None)]);
            let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
            let cell = reader.records().next().unwrap().unwrap()[0].to_owned();
            assert_eq!(cell, format!("'{text}"));
        }
        assert!(written(Format::Csv, &[("1=1", 1, None)]).contains("\r\n\"1=1\","));
        for (text, cell) in [
            ("供暖;=1+1", "供暖;'=1+1"),
            ("a; \"=1\";b\n@x", "a;' \"=1\";b\n'@x"),
            ("a;b\n\nc - d", "a;b\n\nc - d"),
        ] {
            assert_eq!(Value::text(text).cell(), cell);
        }
        assert!(written(Format::JsonLines, &[("=1+1", 1, None)]).contains("\"=1+1\""));
    }

    #[test]
    fn json_lines_says_where_it_ends() {
        let rows = [("暖气\n不热", 1, Some(false)), ("", 2, None)];
        assert_eq!(
            written(Format::JsonLines, &rows),
            "{\"said\":\"暖气\\n不热\",\"times\":1,\"is_so\":false}\n\
             {\"said\":null,\"times\":2,\"is_so\":null}\n\
             {\"end\":true,\"rows\":2}\n"
        );
        assert_eq!(written(Format::JsonLines, &[]), "{\"end\":true,\"rows\":0}\n");
    }

    #[test]
    fn a_piece_is_handed_over_when_it_is_full_and_nothing_is_lost_between_two() {
        for format in [Format::Csv, Format::JsonLines] {
            let mut sheet = Sheet::<Row>::new(format, vec![column("said", |row: &Row| Value::text(row.0))]);
            let mut whole = Vec::new();
            for _ in 0..10_000 {
                sheet.write(&("十个字的一句话不算长", 0, None));
                if let Some(piece) = sheet.full_piece() {
                    assert!(piece.len() < PIECE_BYTES * 2);
                    whole.extend(piece);
                }
            }
            sheet.end();
            whole.extend(sheet.piece());
            let whole = String::from_utf8(whole).unwrap();
            assert_eq!(whole.matches("十个字").count(), 10_000);
        }
    }

    #[test]
    fn tenths_have_one_decimal_in_both() {
        assert_eq!(Value::Tenths(333).cell(), "33.3");
        assert_eq!(serde_json::to_string(&Value::Tenths(333)).unwrap(), "33.3");
        assert_eq!(Value::Tenths(1_000).cell(), "100.0");
    }
}
