//! A row that SQLite refused each time that it was made, and why that may be.

use rusqlite::params_from_iter;

use crate::data::constraints::trial::shown_row;
use crate::data::fill::context::FillContext;
use crate::data::fill::plan::table_plan::{How, TablePlan};
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::error::{Error, ErrorKind};
use crate::report::count;
use crate::schema::references::parent_columns;
use crate::schema::{ForeignKey, Schema, Table};
use crate::sql::{Name, TokenKind, plain_name, quote_text, tokens};

#[derive(Default)]
pub(super) struct RefusedRow {
    table: String,
    row: u64,
    pub(super) attempts: u64,
    /// The first of the different rows that were tried.
    tried: Vec<String>,
    /// The triggers that refused it.
    pub(super) triggers: Vec<String>,
    /// The values that the test gave, as `owner = 77`.
    given: String,
    /// The remedy for a given value that refers to nothing.
    no_parent: Option<String>,
}

impl RefusedRow {
    pub(super) fn new(plan: &TablePlan, row: u64) -> RefusedRow {
        RefusedRow { table: plan.name.to_string(), row, ..RefusedRow::default() }
    }

    /// Notes a row that was tried.
    pub(super) fn note(&mut self, shown: String) {
        self.attempts += 1;
        if self.tried.len() < 4 && !self.tried.contains(&shown) {
            self.tried.push(shown);
        }
    }

    /// Looks at the values that the test gave, which are the same each time that the row is made. `is_reference` is true if a
    /// foreign key has refused it.
    pub(super) fn look_at_given(
        &mut self,
        context: &FillContext<'_>,
        plan: &TablePlan,
        (values, is_reference): (&[ValueBuf], bool),
    ) {
        let is_given = |how: &How| matches!(how, How::Fixed(_) | How::With(_));
        let given = plan.columns.iter().zip(values).filter(|(column, _)| is_given(&column.how));
        let (names, values): (Vec<Name>, Vec<ValueBuf>) =
            given.map(|(column, value)| (column.name.clone(), value.clone())).unzip();
        self.given = shown_row(&names, &values);
        let mut keys = context.schema.tables[plan.table].foreign_keys.iter().filter(|_| is_reference);
        self.no_parent = keys.find_map(|key| no_parent(context, key, &names, &values));
    }

    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        let RefusedRow { table, row, attempts, tried, triggers, given, no_parent } = self;
        let headline = format!("cannot fill {table}: row {} was refused {}", row + 1, count(*attempts, "time"));
        // What is wrong is the same in all of them.
        let tried = if no_parent.is_some() { &tried[..1] } else { &tried[..] };
        let mut failure =
            Error::new(ErrorKind::Data, headline).evidence("tried", tried.join("\n")).because_sqlite(error);
        if !triggers.is_empty() {
            failure = failure.evidence("trigger", triggers.join("\n"));
        }
        let set = format!(".set(\"{table}\", column, value) or .set_with(\"{table}\", column, |row| ..)");
        failure.help(match no_parent {
            Some(no_parent) => no_parent.clone(),
            None if given.is_empty() => format!("give a column its value: {set}"),
            None => format!(
                "each of these rows has what the test gives: {given}; if that is the reason, give what the table accepts, or else \
                 give another column its value: {set}"
            ),
        })
    }
}

/// Returns what to do if all columns of a foreign key are given and no parent has these values.
fn no_parent(context: &FillContext<'_>, key: &ForeignKey, names: &[Name], values: &[ValueBuf]) -> Option<String> {
    let place = |column: &Name| names.iter().position(|name| name == column);
    let values: Vec<ValueBuf> =
        key.columns.iter().map(|column| Some(values[place(column)?].clone())).collect::<Option<_>>()?;
    // NULL refers to nothing by itself.
    if values.iter().any(|value| value.kind() == ValueKind::Null) {
        return None;
    }
    let parent = context.schema.table(&key.parent)?;
    let columns = parent_columns(key, parent);
    let equal: Vec<String> = columns.iter().map(|column| format!("{} = ?", plain_name(column))).collect();
    let sql = format!("SELECT 1 FROM {} WHERE {}", plain_name(&parent.name), equal.join(" AND "));
    let mut found = context.connection.prepare(&sql).ok()?;
    if found.exists(params_from_iter(&values)).ok()? {
        return None;
    }
    Some(format!(
        "the test gives {}, and {} has no row with {}: give a key that is there, or insert that row before",
        shown_row(&key.columns, &values),
        parent.name,
        shown_row(&columns, &values)
    ))
}

/// Returns the triggers that raise an error of this text, or that leave a row out if the text is empty, each with its table.
pub(super) fn triggers_that_raise(schema: &Schema, message: &str) -> Vec<String> {
    let raises = |sql: &str| {
        let tokens = tokens(sql);
        tokens.iter().any(|token| token.is("RAISE"))
            && tokens.iter().any(|token| match message {
                "" => token.is("IGNORE"),
                message => token.kind == TokenKind::Text && token.text == quote_text(message),
            })
    };
    let of_table = |table: &Table| {
        let found = table.triggers.iter().filter(|trigger| raises(&trigger.sql));
        found.map(|trigger| format!("{} on {}", trigger.name, table.name)).collect::<Vec<String>>()
    };
    schema.tables.iter().flat_map(of_table).collect()
}
