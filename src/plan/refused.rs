//! Statements that have no plan, and the reports of them.

use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::sql::split;

/// Returns the one statement of `sql`, without blanks and comments around it.
pub(crate) fn only_statement(sql: &str) -> Result<&str> {
    let error = |headline: &str| Error::new(ErrorKind::Plan, headline);
    let statements = split(sql);
    let statement = match statements.as_slice() {
        [] if sql.trim().is_empty() => return Err(error("there is no statement to explain")),
        [] => return Err(error("there is no statement to explain").sql(sql)),
        [statement] => statement,
        [_, second, ..] => {
            let headline = format!("there are {} statements to explain, but a plan is for one", statements.len());
            let second = second.text.lines().next().unwrap_or_default();
            return Err(error(&headline)
                .sql(sql)
                .evidence("the second", format!("> {second}"))
                .help("explain them one at a time"));
        }
    };
    if statement.starts_with("EXPLAIN") {
        return Err(error("an EXPLAIN has no plan")
            .sql(statement.text)
            .help("leave out EXPLAIN QUERY PLAN: sqlitmus adds it"));
    }
    if statement.starts_with("PRAGMA") {
        // SQLite runs some of them while it compiles them, even with EXPLAIN in front.
        return Err(error("a PRAGMA has no plan").sql(statement.text));
    }
    Ok(statement.text)
}

/// Reports SQLite's refusal of `sql`, which had `prefix` bytes in front of it.
pub(super) fn by_sqlite(sql: &str, prefix: usize, error: rusqlite::Error) -> Error {
    let Some(refusal) = Refusal::of(&error) else {
        return Error::new(ErrorKind::Plan, format!("the statement could not be explained: {error}"))
            .sql(sql)
            .because(error);
    };
    let headline = format!("the statement could not be explained: {}", refusal.message);
    let offset = refusal.offset.and_then(|offset| offset.checked_sub(prefix)).filter(|&at| sql.is_char_boundary(at));
    let shown = offset.map_or_else(|| sql.to_owned(), |offset| with_caret(sql, offset));
    let mut report = Error::new(ErrorKind::Sqlite, headline).sql_excerpt(sql, &shown);
    if let Some(advice) = advice(&refusal.message) {
        report = report.help(advice);
    }
    report.because_sqlite(error)
}

/// Returns the statement with a caret below the character at `offset`.
fn with_caret(sql: &str, offset: usize) -> String {
    let start = sql[..offset].rfind('\n').map_or(0, |at| at + 1);
    let end = sql[offset..].find('\n').map_or(sql.len(), |at| offset + at);
    // Tabs are kept, so the caret is in the right column whatever their width.
    let before = sql[start..offset].chars().map(|c| if c == '\t' { '\t' } else { ' ' });
    format!("{}\n{}^{}", &sql[..end], before.collect::<String>(), &sql[end..])
}

fn advice(message: &str) -> Option<String> {
    if let Some(function) = message.strip_prefix("no such function: ") {
        return Some(format!("if the app registers {function}, register it with Template::functions"));
    }
    let collation = message.strip_prefix("no such collation sequence: ")?;
    Some(format!("if the app registers the collation {collation}, register it with Template::functions"))
}

#[cfg(test)]
mod tests {
    use super::with_caret;

    #[test]
    fn the_caret_is_below_the_character() {
        assert_eq!(with_caret("SELECT x\n\tFORM t\nWHERE y", 10), "SELECT x\n\tFORM t\n\t^\nWHERE y");
        assert_eq!(with_caret("SELECT 'ü' x y", 14), "SELECT 'ü' x y\n             ^");
        assert_eq!(with_caret("x", 1), "x\n ^");
    }
}
