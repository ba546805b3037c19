//! The constraints of a schema, and for each a SELECT that tells whether a row breaks it.

use crate::data::constraints::conditions::name_in_sqlite_errors;
use crate::data::relations::Relation;
use crate::schema::{Column, ForeignKey, Index, IndexedColumn, IndexedExpr, Schema, Table};
use crate::sql::{Name, TokenKind, plain_name, plain_names, quote_identifier, tokens};

/// The table that holds the row that is tried.
pub(super) const ROW: &str = "temp.sqlitmus_row";

/// One constraint.
#[derive(Clone, Debug)]
pub(super) struct Constraint {
    pub(super) kind: ConstraintKind,
    /// The declaration as messages show it: `UNIQUE (email)`.
    pub(super) shown: String,
    /// `table.column`, or the table.
    pub(super) object: String,
    /// The extended result code with which SQLite refuses a row that breaks it.
    pub(super) code: i32,
    /// A part of SQLite's message that tells constraints of one code apart.
    pub(super) message: String,
    /// A SELECT of one value: 1 if the row breaks it.
    pub(super) broken: String,
    /// The columns that it is about.
    pub(super) columns: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum ConstraintKind {
    NotNull,
    /// The expression.
    Check(String),
    /// The number of its terms, and the WHERE of its index.
    Key {
        terms: usize,
        partial: Option<String>,
    },
    Foreign {
        deferred: bool,
    },
    /// The type of a column of a STRICT table.
    Type,
}

/// Returns the tables whose constraints are tried.
pub(super) fn tables(schema: &Schema) -> impl Iterator<Item = &Table> {
    schema.tables.iter().filter(|table| table.is_of_app())
}

/// Returns the constraints of a table.
pub(super) fn of(schema: &Schema, table: &Table) -> Vec<Constraint> {
    let mut found = Vec::new();
    for column in &table.columns {
        found.extend(not_null(table, column));
        found.extend(strict(table, column));
    }
    if let Some(key) = &table.primary_key {
        found.push(unique(table, "PRIMARY KEY", &key.terms, None));
    }
    for key in &table.unique {
        found.push(unique(table, "UNIQUE", &key.terms, None));
    }
    for index in table.indexes.iter().filter(|index| index.unique) {
        let kind = format!("UNIQUE INDEX {}", plain_name(&index.name));
        found.push(unique(table, &kind, &index.terms, Some(index)));
    }
    for check in &table.checks {
        let text = check.expression.trim();
        let name = check.name.as_ref().map_or(String::new(), |name| format!("CONSTRAINT {} ", plain_name(name)));
        let columns = named_columns(table, text);
        found.push(Constraint {
            shown: format!("{name}CHECK ({text})"),
            object: object(table, &columns),
            code: 275,
            message: check.name.clone().unwrap_or_else(|| name_in_sqlite_errors(text)),
            broken: format!("SELECT ({text}\n) IS FALSE FROM {}", row_of(table)),
            columns,
            kind: ConstraintKind::Check(text.to_owned()),
        });
    }
    for key in &table.foreign_keys {
        found.push(foreign(schema, table, key));
    }
    found
}

/// The row that is tried, by the name that expressions of its table may use.
pub(super) fn row_of(table: &Table) -> String {
    format!("{ROW} AS {}", quote_identifier(&table.name))
}

fn object<T: std::fmt::Display>(table: &Table, columns: &[T]) -> String {
    match columns {
        [only] => format!("{}.{only}", table.name),
        _ => table.name.to_string(),
    }
}

/// Returns the columns that an expression names. A generated column is replaced by those that it is generated from.
pub(super) fn named_columns(table: &Table, expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let of_names = tokens(expression);
    let of_names = of_names.iter().filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted));
    for name in of_names.filter_map(|token| token.name()) {
        if let Some(column) = table.column(&name) {
            for name in sources(table, column) {
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        }
    }
    found
}

/// Returns the column itself, or the columns that it is generated from.
fn sources(table: &Table, column: &Column) -> Vec<String> {
    match &column.generated {
        Some(generated) => named_columns(table, &generated.expression),
        None => vec![column.name.to_string()],
    }
}

fn not_null(table: &Table, column: &Column) -> Option<Constraint> {
    // A rowid that is NULL gets the next number.
    if !column.not_null || table.is_rowid(&column.name) {
        return None;
    }
    Some(Constraint {
        kind: ConstraintKind::NotNull,
        shown: format!("NOT NULL of {}", plain_name(&column.name)),
        object: format!("{}.{}", table.name, column.name),
        code: 1299,
        message: format!("{}.{}", table.name, column.name),
        broken: format!("SELECT {} IS NULL FROM {}", quote_identifier(&column.name), row_of(table)),
        columns: sources(table, column),
    })
}

fn strict(table: &Table, column: &Column) -> Option<Constraint> {
    let declared = column.declared_type.trim().to_ascii_uppercase();
    let class = match declared.as_str() {
        "INT" | "INTEGER" => "integer",
        "REAL" => "real",
        "TEXT" => "text",
        "BLOB" => "blob",
        _ => return None,
    };
    // A rowid that is no integer is refused with another code, in a STRICT table or not.
    if !table.strict || column.generated.is_some() || table.is_rowid(&column.name) {
        return None;
    }
    Some(Constraint {
        shown: format!("STRICT type {declared} of {}", plain_name(&column.name)),
        object: format!("{}.{}", table.name, column.name),
        code: 3091,
        message: format!("{}.{}", table.name, column.name),
        broken: format!(
            "SELECT typeof({}) NOT IN ('null', '{class}') FROM {}",
            quote_identifier(&column.name),
            row_of(table)
        ),
        columns: vec![column.name.to_string()],
        kind: ConstraintKind::Type,
    })
}

/// Returns a PRIMARY KEY, a UNIQUE or a unique index. The index is given if CREATE INDEX created it.
fn unique(table: &Table, kind: &str, terms: &[IndexedColumn], index: Option<&Index>) -> Constraint {
    let partial = index.and_then(|index| index.partial.as_deref());
    let mut columns = Vec::new();
    let mut conditions = Vec::new();
    let mut listed = Vec::new();
    let mut by_columns = Vec::new();
    let row = row_of(table);
    for term in terms {
        let (text, shown) = match &term.what {
            IndexedExpr::Column(name) => {
                by_columns.push(format!("{}.{name}", table.name));
                (quote_identifier(name), plain_name(name))
            }
            IndexedExpr::Rowid => ("rowid".to_owned(), "rowid".to_owned()),
            IndexedExpr::Expression(text) => (text.trim().to_owned(), text.trim().to_owned()),
        };
        listed.push(shown);
        columns.extend(named_columns(table, &text));
        let collation = quote_identifier(&term.collation);
        conditions.push(format!("({text}\n) COLLATE {collation} = (SELECT ({text}\n) FROM {row})"));
    }
    if let Some(partial) = partial {
        columns.extend(named_columns(table, partial));
        conditions.push(format!("({partial}\n) AND (SELECT ({partial}\n) FROM {row})"));
    }
    columns.dedup();
    let message = if by_columns.len() == terms.len() {
        format!("failed: {}", by_columns.join(", "))
    } else {
        format!("index '{}'", index.map_or("", |index| &index.name))
    };
    let given = partial.map_or(String::new(), |partial| format!(" WHERE {}", partial.trim()));
    let name = quote_identifier(&table.name);
    Constraint {
        shown: format!("{kind} ({}){given}", listed.join(", ")),
        object: if listed.len() == 1 { object(table, &columns) } else { table.name.to_string() },
        code: if kind == "PRIMARY KEY" { 1555 } else { 2067 },
        message,
        broken: format!("SELECT EXISTS (SELECT 1 FROM main.{name} WHERE {})", conditions.join(" AND ")),
        columns,
        kind: ConstraintKind::Key { terms: terms.len(), partial: partial.map(str::to_owned) },
    }
}

fn foreign(schema: &Schema, table: &Table, key: &ForeignKey) -> Constraint {
    let row = row_of(table);
    let relation = Relation::of(schema, table, key);
    let given: Vec<String> = key.columns.iter().map(|name| format!("{} IS NOT NULL", quote_identifier(name))).collect();
    let mut missing = vec![format!("({})", given.join(" AND "))];
    if relation.parent_columns.is_some() {
        let quoted = relation.pairs().map(|(own, theirs)| (quote_identifier(own), quote_identifier(theirs)));
        let pairs: Vec<(String, String)> = quoted.collect();
        let found: Vec<String> =
            pairs.iter().map(|(own, theirs)| format!("{theirs} = (SELECT {own} FROM {row})")).collect();
        let name = quote_identifier(&key.parent);
        missing.push(format!("NOT EXISTS (SELECT 1 FROM main.{name} WHERE {})", found.join(" AND ")));
        if relation.parent.is_some_and(|parent| schema.tables[parent].name == table.name) {
            let own: Vec<String> = pairs.iter().map(|(own, theirs)| format!("{own} = {theirs}")).collect();
            missing.push(format!("({}) IS NOT TRUE", own.join(" AND ")));
        }
    }
    let listed = plain_names(key.columns.iter().map(Name::as_str));
    let theirs = key.parent_columns.as_ref().map(|list| plain_names(list.iter().map(Name::as_str)));
    let of_parent = theirs.map_or(String::new(), |list| format!("({list})"));
    Constraint {
        shown: format!("FOREIGN KEY ({listed}) REFERENCES {}{of_parent}", plain_name(&key.parent)),
        object: object(table, &key.columns),
        code: 787,
        message: String::new(),
        broken: format!("SELECT {} FROM {row}", missing.join(" AND ")),
        columns: key.columns.iter().map(String::from).collect(),
        kind: ConstraintKind::Foreign { deferred: key.deferred },
    }
}
