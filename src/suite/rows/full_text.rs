//! Rows of full-text tables that hold their own content.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::schema::{Column, Schema, Table, TableKind, Trigger, VirtualTable};
use crate::sql::{Cursor, Name, insert_values, quote_identifier, quote_text, tokens};

/// Returns true if it is a full-text table without another table behind it.
pub(crate) fn is_full_text(table: &Table) -> bool {
    let is_virtual = matches!(&table.kind, TableKind::Virtual { module, .. } if module.starts_with("fts"));
    is_virtual && VirtualTable::of(&table.sql).content.is_none()
}

/// Returns the triggers that name a full-text table.
pub(crate) fn index_triggers<'s>(schema: &'s Schema, name: &'s Name) -> impl Iterator<Item = &'s Trigger> {
    let names_it =
        move |trigger: &&Trigger| tokens(&trigger.sql).iter().any(|it| it.name().is_some_and(|it| *name == it));
    schema.tables.iter().flat_map(|table| &table.triggers).filter(names_it)
}

const TEXTS: [&str; 5] = ["Night train to the sea", " River  ", "", "HARBOR lights, again and again", "Snow"];

/// Inserts rows of a few words, beside the values that are given. Returns true if all are in.
pub(crate) fn insert_texts(connection: &Connection, table: &Table, rows: u64, given: &[(Name, Value)]) -> bool {
    let columns: Vec<&Name> = table.columns.iter().filter(|column| !column.hidden).map(|column| &column.name).collect();
    let into = format!("INTO {}", quote_identifier(&table.name));
    let insert = |row: u64| {
        let place = |column: usize| given.iter().position(|(name, _)| name == columns[column]);
        let text = |column: usize| match place(column) {
            Some(place) => format!("?{}", place + 1),
            None => quote_text(TEXTS[(row as usize + column * 2) % TEXTS.len()]),
        };
        let values: Vec<String> = (0..columns.len()).map(text).collect();
        let parameters = params_from_iter(given.iter().map(|(_, value)| value));
        connection.execute(&insert_values(&into, &columns, &values), parameters).is_ok()
    };
    (0..rows).all(insert)
}

/// A table that statements fill from a table that stays: a full-text table among them has no content of its own.
#[derive(Clone, Debug)]
pub(crate) struct Refill {
    pub(crate) table: Name,
    from: Name,
    /// True if the table is emptied or made anew for it, and no statement filled it before: the app did.
    replaces: bool,
}

impl Refill {
    /// Returns those of these statements.
    pub(crate) fn all(statements: &[&str]) -> Vec<Refill> {
        let (mut temporary, mut emptied): (Vec<Name>, Vec<Name>) = (Vec::new(), Vec::new());
        let mut found: Vec<Refill> = Vec::new();
        for statement in statements {
            let tokens = tokens(statement);
            let mut cursor = Cursor::new(&tokens);
            if cursor.take("create") && (cursor.take("temp") || cursor.take("temporary")) && cursor.take("table") {
                temporary.extend(cursor.object_name().map(Name::from));
            }
            cursor.seek(0);
            if (cursor.take("drop") && cursor.take("table")) || (cursor.take("delete") && cursor.take("from")) {
                let _ = cursor.take("if") && cursor.take("exists");
                emptied.extend(cursor.object_name().map(Name::from));
            }
            cursor.seek(0);
            if !cursor.take("insert") && !cursor.take("replace") {
                continue;
            }
            cursor.skip_to(|token| token.is("into"));
            cursor.next();
            let Some(table) = cursor.object_name().map(Name::from) else { continue };
            cursor.skip_to(|token| token.is("from"));
            cursor.next();
            let from = cursor.object_name().map(Name::from);
            if let Some(from) = from.filter(|from| *from != table && !temporary.contains(from)) {
                let replaces = emptied.contains(&table) && !found.iter().any(|known| known.table == table);
                found.push(Refill { table, from, replaces });
            }
        }
        found
    }

    /// Fills the table, which neither a trigger nor a migration but the app fills, from the columns of the same names.
    pub(super) fn run(&self, connection: &Connection, schema: &Schema) {
        let Some((table, from)) = schema.table(&self.table).zip(schema.table(&self.from)) else { return };
        let is_shared = |column: &&Column| !column.hidden && from.column(&column.name).is_some();
        let columns = table.columns.iter().filter(is_shared).map(|column| quote_identifier(&column.name));
        let columns: Vec<String> = columns.collect();
        let is_fed = index_triggers(schema, &table.name).next().is_some();
        if self.replaces && !is_fed && !columns.is_empty() && !from.without_rowid {
            let [table, from, columns] =
                [quote_identifier(&table.name), quote_identifier(&from.name), columns.join(", ")];
            let sql = format!("INSERT INTO {table} (rowid, {columns}) SELECT rowid, {columns} FROM {from}");
            let _ = connection.execute(&sql, []);
        }
    }
}
