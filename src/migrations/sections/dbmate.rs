//! The files of dbmate.

use super::section::{Problem, Section, Sections, is_word, lines};
use crate::sql;

/// Divides a dbmate file: `-- migrate:up`, then `-- migrate:down`, each with options such as `transaction:false`.
pub(crate) fn dbmate(sql: &str) -> Result<Sections, Problem> {
    let mut up: Option<Section> = None;
    let mut down: Option<Section> = None;
    for line in lines(sql) {
        let directive = line.text.strip_prefix("--").map(str::trim_start);
        let (section, options) = match directive.and_then(|text| text.strip_prefix("migrate:")) {
            Some(text) if is_word(text, "up") => (&mut up, &text["up".len()..]),
            Some(text) if is_word(text, "down") => (&mut down, &text["down".len()..]),
            _ => continue,
        };
        if section.is_some() {
            return Err(Problem::new(
                "duplicate dbmate section",
                line.number,
                "keep one `-- migrate:up` and one `-- migrate:down`",
            ));
        }
        let transaction = !options.split_whitespace().any(|option| option == "transaction:false");
        *section = Some(Section { range: line.end..sql.len(), line: line.number + 1, transaction });
    }
    let Some(mut up) = up else {
        return Err(Problem {
            what: "dbmate file without an Up section",
            line: None,
            help: "write `-- migrate:up` on a line of its own above its first statement",
        });
    };
    if let Some(down) = &down {
        if down.range.start < up.range.start {
            return Err(Problem::new(
                "dbmate file with its Down section first",
                down.line - 1,
                "dbmate requires `-- migrate:up` before `-- migrate:down`",
            ));
        }
        up.range.end = start_of_line_before(sql, down.range.start);
    }
    let preamble = start_of_line_before(sql, up.range.start);
    match sql::split(&sql[..preamble]).first() {
        Some(statement) => Err(Problem::new(
            "SQL before `-- migrate:up`",
            statement.line,
            "dbmate refuses the file: move the statement below `-- migrate:up`",
        )),
        None => Ok(Sections { up, down }),
    }
}

/// Returns the start of the line that ends at `end`.
fn start_of_line_before(sql: &str, end: usize) -> usize {
    let line = sql[..end].strip_suffix('\n').unwrap_or(&sql[..end]);
    line.rfind('\n').map_or(0, |at| at + 1)
}
