//! The statistics of ANALYZE as rows: read from a database, written as SQL for review, loaded into another database.

use std::fmt;

use rusqlite::{Connection, params};

use super::entries::is_ledger;
use crate::order::Order as _;
use crate::sql::{Cursor, Token, TokenKind, between_commas, quote_text, split, tokens, unquoted};

/// The rows of sqlite_stat1 and sqlite_stat4.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatisticsRows {
    pub(crate) counts: Vec<Count>,
    pub(crate) samples: Vec<Sample>,
}

/// A row of sqlite_stat1.
#[derive(Clone, Debug)]
pub(crate) struct Count {
    pub(crate) table: String,
    pub(crate) index: Option<String>,
    /// The number of rows, then the average number of rows with the same first column, the same first two columns, and so on.
    pub(crate) stat: String,
    line: usize,
}

/// A row of sqlite_stat4.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    table: String,
    index: String,
    equal: String,
    less: String,
    distinct_less: String,
    record: Vec<u8>,
    line: usize,
}

/// A statement that adds no row of statistics, with its line.
#[derive(Debug)]
pub(crate) struct Misread {
    pub(crate) line: usize,
    pub(crate) statement: String,
}

impl Count {
    pub(crate) fn new(table: &str, index: Option<&str>, stat: String) -> Count {
        Count { table: table.to_owned(), index: index.map(str::to_owned), stat, line: 0 }
    }

    /// Returns the numbers without the words that may follow them (`unordered`, `sz=100`, `noskipscan`).
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.stat.split(' ').map_while(|word| word.parse().ok())
    }
}

impl StatisticsRows {
    /// Reads the statistics of the database `main`.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<StatisticsRows> {
        let _own = crate::own::statements();
        let mut rows = StatisticsRows::default();
        if has(connection, "sqlite_stat1")? {
            let mut query = connection.prepare("SELECT tbl, idx, stat FROM main.sqlite_stat1")?;
            let mut found = query.query([])?;
            while let Some(row) = found.next()? {
                if let (Some(table), index, Some(stat)) =
                    (row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?)
                {
                    rows.counts.push(Count { table, index, stat, line: 0 });
                }
            }
        }
        if has(connection, "sqlite_stat4")? {
            let mut query =
                connection.prepare("SELECT tbl, idx, neq, nlt, ndlt, CAST(sample AS BLOB) FROM main.sqlite_stat4")?;
            let found = query.query_map([], |row| {
                Ok(Sample {
                    table: row.get(0)?,
                    index: row.get(1)?,
                    equal: row.get(2)?,
                    less: row.get(3)?,
                    distinct_less: row.get(4)?,
                    record: row.get(5)?,
                    line: 0,
                })
            })?;
            rows.samples = found.collect::<rusqlite::Result<_>>()?;
        }
        rows.sort();
        Ok(rows)
    }

    /// Parses INSERTs as written by [`Display`](fmt::Display) or by the shell's `.fullschema` and `.dump`.
    pub(crate) fn parse(text: &str) -> Result<StatisticsRows, Misread> {
        let mut rows = StatisticsRows::default();
        for statement in split(text) {
            // The shell writes it between the INSERTs; `load` runs it anyway.
            if statement.starts_with("ANALYZE") {
                continue;
            }
            if rows.insert(&tokens(statement.text), statement.line).is_none() {
                return Err(Misread { line: statement.line, statement: statement.text.to_owned() });
            }
        }
        rows.sort();
        Ok(rows)
    }

    fn insert(&mut self, statement: &[Token<'_>], line: usize) -> Option<()> {
        let mut rest = Cursor::new(statement);
        if !(rest.take("INSERT") && rest.take("INTO")) {
            return None;
        }
        let columns: &[&str] = match rest.name()?.to_ascii_lowercase().as_str() {
            "sqlite_stat1" => &["tbl", "idx", "stat"],
            "sqlite_stat4" => &["tbl", "idx", "neq", "nlt", "ndlt", "sample"],
            _ => return None,
        };
        if rest.sees_symbol("(") {
            let names = list(&mut rest, statement)?;
            if !names.iter().map(|token| token.name()).eq(columns.iter().map(|name| Some((*name).to_owned()))) {
                return None;
            }
        }
        if !rest.take("VALUES") {
            return None;
        }
        loop {
            let values = list(&mut rest, statement)?;
            let text = |at: usize| values.get(at).and_then(|token| literal(token));
            match (columns.len(), values.len()) {
                (3, 3) => {
                    let index = if values[1].is("NULL") { None } else { Some(text(1)?) };
                    self.counts.push(Count { table: text(0)?, index, stat: text(2)?, line });
                }
                (6, 6) => self.samples.push(Sample {
                    table: text(0)?,
                    index: text(1)?,
                    equal: text(2)?,
                    less: text(3)?,
                    distinct_less: text(4)?,
                    record: bytes(values[5])?,
                    line,
                }),
                _ => return None,
            }
            if !rest.take_symbol(",") {
                rest.take_symbol(";");
                return rest.is_at_end().then_some(());
            }
        }
    }

    /// Sorts by table and index. SQLite searches the samples of an index by bisection, so they must be in its order.
    fn sort(&mut self) {
        self.counts.order_by(|a, b| (&a.table, &a.index).cmp(&(&b.table, &b.index)));
        // The number of rows before the sample.
        let order = |sample: &Sample| sample.less.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok());
        self.samples.order_by(|a, b| (&a.table, &a.index, order(a)).cmp(&(&b.table, &b.index, order(b))));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.samples.is_empty()
    }

    /// Replaces the statistics of the database `main`, from the next statement on. Samples are left out if SQLite is built
    /// without STAT4.
    pub(crate) fn load(&self, connection: &Connection) -> rusqlite::Result<()> {
        // This gathers nothing, but creates the tables, which CREATE may not.
        connection.execute_batch("ANALYZE main.sqlite_master; DELETE FROM main.sqlite_stat1")?;
        let mut insert = connection.prepare("INSERT INTO main.sqlite_stat1(tbl, idx, stat) VALUES (?1, ?2, ?3)")?;
        for row in &self.counts {
            insert.execute(params![row.table, row.index, row.stat])?;
        }
        drop(insert);
        if has(connection, "sqlite_stat4")? {
            connection.execute_batch("DELETE FROM main.sqlite_stat4")?;
            let sql = "INSERT INTO main.sqlite_stat4(tbl, idx, neq, nlt, ndlt, sample) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let mut insert = connection.prepare(sql)?;
            for row in &self.samples {
                insert.execute(params![row.table, row.index, row.equal, row.less, row.distinct_less, row.record])?;
            }
        }
        // A connection reads the statistics when it reads the schema, and here.
        connection.execute_batch("ANALYZE main.sqlite_master")
    }

    /// Returns the tables and indexes of rows that this schema does not have. SQLite would ignore such rows silently. A ledger of
    /// migrations may be missing, because not every runner of the history keeps one.
    pub(crate) fn stale(&self, connection: &Connection) -> rusqlite::Result<Vec<String>> {
        let mut stale: Vec<(usize, String)> = Vec::new();
        let counts =
            self.counts.iter().map(|row| (row.line, &row.table, row.index.as_deref(), Some(row.numbers().count())));
        let samples = self.samples.iter().map(|row| (row.line, &row.table, Some(row.index.as_str()), None));
        for (line, table, index, numbers) in counts.chain(samples) {
            if is_ledger(table) {
                continue;
            }
            if let Some(what) = misfit(connection, table, index, numbers)?
                && !stale.iter().any(|(_, known)| *known == what)
            {
                stale.push((line, what));
            }
        }
        stale.order_by_key(|(line, _)| *line);
        Ok(stale.into_iter().map(|(line, what)| format!("line {line}: {what}")).collect())
    }
}

fn misfit(
    connection: &Connection,
    table: &str,
    index: Option<&str>,
    numbers: Option<usize>,
) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT EXISTS (SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE)";
    if !connection.query_row(sql, [table], |row| row.get::<_, bool>(0))? {
        return Ok(Some(format!("the schema has no table {table}")));
    }
    let Some(index) = index else { return Ok(None) };
    // The rows of a table WITHOUT ROWID are counted under the table's name, as those of its primary key.
    let sql = "SELECT (SELECT count(*) FROM pragma_index_info(list.name)) FROM pragma_index_list(?1, 'main') AS list
               WHERE list.name = ?2 COLLATE NOCASE OR list.origin = 'pk' AND ?1 = ?2 COLLATE NOCASE";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([table, index])?;
    let Some(row) = rows.next()? else { return Ok(Some(format!("{table} has no index {index}"))) };
    let columns: i64 = row.get(0)?;
    let columns = usize::try_from(columns).unwrap_or_default();
    let is_other = numbers.is_some_and(|numbers| numbers != columns + 1);
    Ok(is_other.then(|| format!("the index {index} has another number of columns ({columns})")))
}

fn has(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?1)";
    connection.query_row(sql, [table], |row| row.get(0))
}

/// Moves past a list of single tokens in parentheses and returns them.
fn list<'t, 'a>(rest: &mut Cursor<'t, 'a>, statement: &'t [Token<'a>]) -> Option<Vec<&'t Token<'a>>> {
    let single = |part: &'t [Token<'a>]| if let [only] = part { Some(only) } else { None };
    between_commas(&statement[rest.group()?]).into_iter().map(single).collect()
}

fn literal(token: &Token<'_>) -> Option<String> {
    match token.kind {
        TokenKind::Text => Some(unquoted(token.text)),
        TokenKind::Number => Some(token.text.to_owned()),
        _ => None,
    }
}

fn bytes(token: &Token<'_>) -> Option<Vec<u8>> {
    let digits = token.text.get(1..).filter(|_| token.kind == TokenKind::Blob)?.trim_matches('\'').as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// Writes one INSERT on one line for each row.
impl fmt::Display for StatisticsRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.counts {
            let index = row.index.as_deref().map_or_else(|| "NULL".to_owned(), quote_text);
            let (table, stat) = (quote_text(&row.table), quote_text(&row.stat));
            writeln!(f, "INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES ({table}, {index}, {stat});")?;
        }
        for row in &self.samples {
            let [table, index, equal, less, distinct] =
                [&row.table, &row.index, &row.equal, &row.less, &row.distinct_less].map(|text| quote_text(text));
            let hex: String = row.record.iter().map(|byte| format!("{byte:02X}")).collect();
            writeln!(
                f,
                "INSERT INTO sqlite_stat4(tbl, idx, neq, nlt, ndlt, sample) VALUES ({table}, {index}, {equal}, {less}, {distinct}, X'{hex}');"
            )?;
        }
        Ok(())
    }
}
