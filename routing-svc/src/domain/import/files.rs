//! From bytes to rows of the draft, file by file.

use super::{Draft, Faults, File, RULES_BYTES_MAX, Row, fields, matters, places, rows, times};

/// Reads one file into the draft.
pub(super) fn read(file: File, bytes: &[u8], draft: &mut Draft, faults: &mut Faults) {
    match file {
        File::Regions => read_rows(file, bytes, &mut draft.regions, faults, places::region),
        File::Units => read_rows(file, bytes, &mut draft.units, faults, places::unit),
        File::Stations => read_rows(file, bytes, &mut draft.stations, faults, places::station),
        File::Representatives => {
            read_rows(file, bytes, &mut draft.representatives, faults, places::representative);
        }
        File::Categories => read_rows(file, bytes, &mut draft.categories, faults, matters::category),
        File::Rules if bytes.len() > RULES_BYTES_MAX => {
            let problem = format!("the file is too large; at most {RULES_BYTES_MAX} bytes would be right");
            faults.add(file, 1, "row", problem);
        }
        File::Rules => read_rows(file, bytes, &mut draft.rules, faults, matters::rule),
        File::Policies => read_rows(file, bytes, &mut draft.policies, faults, times::policy),
        File::Calendar => read_rows(file, bytes, &mut draft.calendar_days, faults, times::calendar_day),
    }
}

fn read_rows<T>(
    file: File,
    bytes: &[u8],
    into: &mut Vec<Row<T>>,
    faults: &mut Faults,
    read_line: fn(&rows::Line<'_>, &mut Faults) -> Option<T>,
) {
    rows::for_each(file, bytes, faults, |line, faults| {
        let before = faults.0.len();
        let value = read_line(line, faults);
        let valid = fields::validity(line, faults);
        if let Some(value) = value.filter(|_| faults.0.len() == before) {
            into.push(Row { line: Some(line.number), valid, value });
        }
    });
}
