//! The parts of a schema that matter to SQLite, each in one spelling. The canonical text, also here, prints them and the diff
//! compares them, so neither sees something that the other does not.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::create::{self, TriggerText};
use super::entries::is_ledger;
use super::facts::{
    Column, ForeignKey, ForeignKeyAction, Index, IndexedColumn, IndexedExpr, Key, Schema, Table, TableKind, Trigger,
    View,
};
use crate::order::Order as _;
use crate::sql::{
    Name, Names, Token, TokenKind, normal, on_one_line, plain_name, quote_identifier, quote_text, same_name, tokens,
    unquoted,
};

/// A table.
#[derive(Debug)]
pub(super) struct TableShape {
    pub(super) name: String,
    /// The module of a virtual table: `fts5(title, body)`.
    pub(super) module: Option<String>,
    /// `STRICT` and `WITHOUT ROWID`.
    pub(super) options: Vec<&'static str>,
    pub(super) columns: Vec<ColumnShape>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) indexes: Vec<IndexShape>,
    pub(super) triggers: Vec<TriggerShape>,
}

#[derive(Debug)]
pub(super) struct ColumnShape {
    pub(super) name: String,
    /// Type, PRIMARY KEY, NOT NULL, DEFAULT, COLLATE and GENERATED, in this order; empty if absent.
    pub(super) parts: [String; 6],
}

/// A PRIMARY KEY, UNIQUE, FOREIGN KEY or CHECK constraint.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Constraint {
    /// The position of its kind in the printed order.
    rank: u8,
    /// The identity of a changed constraint: the kind, and the name or the columns if there are any.
    pub(super) subject: String,
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct IndexShape {
    pub(super) name: String,
    pub(super) unique: bool,
    /// The columns and expressions: `(customer_id, status DESC)`.
    pub(super) terms: String,
    pub(super) partial: Option<String>,
}

#[derive(Debug)]
pub(super) struct TriggerShape {
    pub(super) name: String,
    /// The timing and event: `AFTER UPDATE OF status`.
    pub(super) event: String,
    pub(super) when: String,
    pub(super) statements: Vec<String>,
}

#[derive(Debug)]
pub(super) struct ViewShape {
    pub(super) name: String,
    /// `(id, total)`, if the view names its columns.
    pub(super) columns: String,
    pub(super) query: String,
    pub(super) triggers: Vec<TriggerShape>,
}

/// Returns the shapes of all tables and views, of ledgers only if `ledgers`.
pub(super) fn of(schema: &Schema, ledgers: bool) -> (Vec<TableShape>, Vec<ViewShape>) {
    let known = known_names(schema);
    let tables = schema
        .tables
        .iter()
        .filter(|table| !matches!(table.kind, TableKind::Shadow { .. }) && (ledgers || !is_ledger(&table.name)))
        .map(|table| table_shape(table, schema, &known));
    let views = schema.views.iter().map(|view| view_shape(view, &known));
    (tables.collect(), views.collect())
}

/// Returns everything that a name in a trigger or view can refer to, in lower case.
fn known_names(schema: &Schema) -> HashSet<String> {
    let of_tables = schema.tables.iter().flat_map(|table| {
        std::iter::once(table.name.as_str()).chain(table.columns.iter().map(|column| column.name.as_str()))
    });
    let of_views = schema.views.iter().map(|view| view.name.as_str());
    let always = ["rowid", "oid", "_rowid_", "new", "old", "excluded"];
    of_tables.chain(of_views).chain(always).map(str::to_ascii_lowercase).collect()
}

fn table_shape(table: &Table, schema: &Schema, known: &HashSet<String>) -> TableShape {
    let names: Vec<String> = table.columns.iter().map(|column| column.name.to_string()).collect();
    let in_table = Names::Columns(&names);
    let mut shape = TableShape {
        name: plain_name(&table.name),
        module: None,
        options: Vec::new(),
        columns: Vec::new(),
        constraints: Vec::new(),
        indexes: table.indexes.iter().map(|index| index_shape(index, table, in_table)).collect(),
        triggers: table.triggers.iter().map(|trigger| trigger_shape(trigger, &names, known)).collect(),
    };
    if let TableKind::Virtual { module, arguments } = &table.kind {
        // The module decides what the arguments mean, so only white space is normalized.
        let arguments: Vec<String> = arguments.iter().map(|argument| on_one_line(argument)).collect();
        shape.module = Some(format!("{}({})", module.to_ascii_lowercase(), arguments.join(", ")));
        return shape;
    }
    if table.strict {
        shape.options.push("STRICT");
    }
    if table.without_rowid {
        shape.options.push("WITHOUT ROWID");
    }
    shape.columns = table.columns.iter().map(|column| column_shape(column, table, in_table)).collect();
    let mut add = |rank, subject: String, text: String| shape.constraints.push(Constraint { rank, subject, text });
    if let Some(key) = table.primary_key.as_ref().filter(|key| !is_printed_with_column(key, table)) {
        add(0, "PRIMARY KEY".to_owned(), format!("PRIMARY KEY {}", key_text(key, table)));
    }
    for key in &table.unique {
        add(1, "UNIQUE".to_owned(), format!("UNIQUE {}", key_text(key, table)));
    }
    for key in &table.foreign_keys {
        add(2, format!("FOREIGN KEY {}", list(&key.columns)), foreign_key(key, schema));
    }
    for check in &table.checks {
        let name = check.name.as_deref().map(|name| format!("CONSTRAINT {} ", plain_name(name))).unwrap_or_default();
        let expression = normal(&tokens(&check.expression), in_table);
        add(3, format!("{name}CHECK"), format!("{name}CHECK ({expression})"));
    }
    shape.constraints.order();
    shape
}

/// Returns true if a key is printed with its column: `INTEGER PRIMARY KEY`, and `INTEGER PRIMARY KEY DESC`, which as a
/// constraint of the table would be the rowid, and here is not: <https://www.sqlite.org/lang_createtable.html#rowid>.
fn is_printed_with_column(key: &Key, table: &Table) -> bool {
    let [IndexedColumn { what: IndexedExpr::Column(column), .. }] = key.terms.as_slice() else { return false };
    let is_integer = table.column(column).is_some_and(|column| column.declared_type.eq_ignore_ascii_case("INTEGER"));
    key.is_rowid || is_integer && !table.without_rowid
}

fn column_shape(column: &Column, table: &Table, names: Names<'_>) -> ColumnShape {
    let mut primary_key = String::new();
    let its_key = |key: &&Key| {
        let is_its_own = key.terms.first().is_some_and(|term| term.what.is_column(&column.name));
        is_its_own && is_printed_with_column(key, table)
    };
    if let Some(key) = table.primary_key.as_ref().filter(its_key) {
        let descending = if key.is_rowid { "" } else { " DESC" };
        let autoincrement = if table.autoincrement { " AUTOINCREMENT" } else { "" };
        primary_key = format!("PRIMARY KEY{descending}{}{autoincrement}", on_conflict(key.on_conflict.as_deref()));
    }
    let not_null = match column.not_null {
        true => format!("NOT NULL{}", on_conflict(column.not_null_on_conflict.as_deref())),
        false => String::new(),
    };
    let collation = match column.collation.as_str() {
        "BINARY" => String::new(),
        collation => format!("COLLATE {}", collation_text(collation)),
    };
    let generated = column.generated.as_ref().map(|generated| {
        let expression = normal(&tokens(&generated.expression), names);
        format!("GENERATED ALWAYS AS ({expression}) {}", if generated.stored { "STORED" } else { "VIRTUAL" })
    });
    ColumnShape {
        name: plain_name(&column.name),
        parts: [
            type_text(&column.declared_type),
            primary_key,
            not_null,
            column.default.as_deref().map(default_text).unwrap_or_default(),
            collation,
            generated.unwrap_or_default(),
        ],
    }
}

fn on_conflict(action: Option<&str>) -> String {
    action.map(|action| format!(" ON CONFLICT {action}")).unwrap_or_default()
}

/// Returns a collation in capitals: SQLite compares their names in any case.
fn collation_text(collation: &str) -> String {
    plain_name(&collation.to_ascii_uppercase())
}

/// Returns a type in capitals, quoted if it would not be read as a type.
fn type_text(declared: &str) -> String {
    let upper = declared.to_ascii_uppercase();
    let words = tokens(&upper);
    let is_plain = |token: &Token<'_>| match token.kind {
        TokenKind::Word => plain_name(token.text) == token.text && token.text != "GENERATED",
        TokenKind::Number => true,
        TokenKind::Symbol => matches!(token.text, "(" | ")" | "," | "+" | "-"),
        _ => false,
    };
    if !words.iter().all(is_plain) {
        return quote_identifier(&upper);
    }
    normal(&words, Names::Columns(&[])).to_ascii_uppercase()
}

/// Returns the DEFAULT clause; empty for `DEFAULT NULL`, which means no default. A word or a name in quotes is a text there.
fn default_text(default: &str) -> String {
    let parts = tokens(default);
    let value = match parts.as_slice() {
        [token] => match token.kind {
            TokenKind::Quoted => quote_text(&unquoted(token.text)),
            TokenKind::Word if normal(&parts, Names::Columns(&[])) != token.text.to_ascii_uppercase() => {
                quote_text(token.text)
            }
            _ => normal(&parts, Names::Columns(&[])),
        },
        [sign, number] if sign.kind == TokenKind::Symbol && number.kind == TokenKind::Number => {
            default.replace(' ', "")
        }
        _ => format!("({})", normal(&parts, Names::Columns(&[]))),
    };
    if value == "NULL" { String::new() } else { format!("DEFAULT {value}") }
}

/// Returns the terms of a key and its conflict clause.
fn key_text(key: &Key, table: &Table) -> String {
    let terms: Vec<String> = key.terms.iter().map(|term| term_text(term, Names::Columns(&[]), table)).collect();
    format!("({}){}", terms.join(", "), on_conflict(key.on_conflict.as_deref()))
}

/// Returns a term of a key or index, with its collation if that is not the column's.
fn term_text(term: &IndexedColumn, names: Names<'_>, table: &Table) -> String {
    let mut text = match &term.what {
        IndexedExpr::Column(column) => plain_name(column),
        IndexedExpr::Rowid => "rowid".to_owned(),
        // The collation of an expression is part of it.
        IndexedExpr::Expression(expression) => normal(&tokens(expression), names),
    };
    let usual = match &term.what {
        IndexedExpr::Column(name) => table.column(name).map_or("BINARY", |column| column.collation.as_str()),
        _ => &term.collation,
    };
    if !same_name(usual, &term.collation) {
        text.push_str(&format!(" COLLATE {}", collation_text(&term.collation)));
    }
    if term.descending {
        text.push_str(" DESC");
    }
    text
}

fn foreign_key(key: &ForeignKey, schema: &Schema) -> String {
    let mut text = format!("FOREIGN KEY {} REFERENCES {}", list(&key.columns), plain_name(&key.parent));
    if let Some(columns) = key.parent_columns.clone().or_else(|| key_of_parent(key, schema)) {
        text.push_str(&format!(" {}", list(&columns)));
    }
    for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
        let action = match action {
            ForeignKeyAction::NoAction => continue,
            ForeignKeyAction::Restrict => "RESTRICT",
            ForeignKeyAction::SetNull => "SET NULL",
            ForeignKeyAction::SetDefault => "SET DEFAULT",
            ForeignKeyAction::Cascade => "CASCADE",
        };
        text.push_str(&format!(" ON {event} {action}"));
    }
    if key.deferred {
        text.push_str(" DEFERRABLE INITIALLY DEFERRED");
    }
    text
}

/// Returns the columns that a foreign key without columns refers to.
fn key_of_parent(key: &ForeignKey, schema: &Schema) -> Option<Vec<Name>> {
    let parent = schema.table(&key.parent)?.primary_key.as_ref()?;
    let columns = parent.terms.iter().map(|term| match &term.what {
        IndexedExpr::Column(column) => Some(column.clone()),
        _ => None,
    });
    columns.collect::<Option<Vec<_>>>().filter(|columns| columns.len() == key.columns.len())
}

fn index_shape(index: &Index, table: &Table, names: Names<'_>) -> IndexShape {
    let terms: Vec<String> = index.terms.iter().map(|term| term_text(term, names, table)).collect();
    IndexShape {
        name: plain_name(&index.name),
        unique: index.unique,
        terms: format!("({})", terms.join(", ")),
        partial: index.partial.as_ref().map(|condition| normal(&tokens(condition), names)),
    }
}

fn trigger_shape(trigger: &Trigger, columns: &[String], known: &HashSet<String>) -> TriggerShape {
    let name = plain_name(&trigger.name);
    let Some(text) = TriggerText::of(&trigger.sql) else {
        let parts = tokens(&trigger.sql);
        let statements = vec![normal(&parts, Names::Any { known, keep_aliases: false })];
        return TriggerShape { name, event: String::new(), when: String::new(), statements };
    };
    let known = &with_bare_names(known, text.when.iter().chain(text.statements.iter().flatten()));
    let names = Names::Any { known, keep_aliases: false };
    let mut of: Vec<String> = text.columns;
    for column in &mut of {
        if let Some(declared) = columns.iter().find(|declared| same_name(declared, column)) {
            column.clone_from(declared);
        }
    }
    of.order();
    let of: Vec<String> = of.iter().map(|column| plain_name(column)).collect();
    let of = if of.is_empty() { String::new() } else { format!(" OF {}", of.join(", ")) };
    TriggerShape {
        name,
        event: format!("{} {}{of}", text.timing, text.event),
        when: normal(&text.when, names),
        statements: text.statements.iter().map(|statement| normal(statement, names)).collect(),
    }
}

fn view_shape(view: &View, known: &HashSet<String>) -> ViewShape {
    let (columns, query) = match create::view(&view.sql) {
        Some(text) => (text.columns, text.query),
        None => (Vec::new(), tokens(&view.sql)),
    };
    let known = with_bare_names(known, query.iter());
    let of_columns: Vec<String> = view.columns.iter().flatten().map(String::from).collect();
    ViewShape {
        name: plain_name(&view.name),
        columns: if columns.is_empty() { String::new() } else { list(&columns) },
        query: normal(&query, Names::Any { known: &known, keep_aliases: true }),
        triggers: view.triggers.iter().map(|trigger| trigger_shape(trigger, &of_columns, &known)).collect(),
    }
}

/// Adds the names without quotes, after AS and in brackets, which a name in double quotes could refer to.
fn with_bare_names<'a>(known: &HashSet<String>, tokens: impl Iterator<Item = &'a Token<'a>>) -> HashSet<String> {
    let mut known = known.clone();
    let mut behind_as = false;
    for token in tokens {
        let is_name = match token.kind {
            TokenKind::Word => true,
            TokenKind::Quoted => behind_as || !token.text.starts_with('"'),
            _ => false,
        };
        if is_name {
            known.extend(token.name().map(|name| name.to_ascii_lowercase()));
        }
        behind_as = token.is("AS");
    }
    known
}

fn list<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<String> = names.iter().map(|name| plain_name(name.as_ref())).collect();
    format!("({})", names.join(", "))
}

impl TableShape {
    /// Returns the canonical text of the table, its indexes and triggers.
    pub(super) fn text(&self) -> String {
        let name = &self.name;
        let mut text = String::new();
        if let Some(module) = &self.module {
            let _ = writeln!(text, "CREATE VIRTUAL TABLE {name} USING {module};");
        } else {
            let columns = self.columns.iter().map(|column| {
                let parts = column.parts.iter().filter(|part| !part.is_empty());
                std::iter::once(&column.name).chain(parts).map(String::as_str).collect::<Vec<_>>().join(" ")
            });
            let constraints = self.constraints.iter().map(|constraint| constraint.text.clone());
            let lines: Vec<String> = columns.chain(constraints).collect();
            let options = if self.options.is_empty() { String::new() } else { format!(" {}", self.options.join(", ")) };
            let _ = writeln!(text, "CREATE TABLE {name} (\n    {}\n){options};", lines.join(",\n    "));
        }
        for index in &self.indexes {
            let unique = if index.unique { "UNIQUE " } else { "" };
            let partial = index.partial.as_ref().map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
            let _ = writeln!(text, "CREATE {unique}INDEX {} ON {name} {}{partial};", index.name, index.terms);
        }
        text.extend(self.triggers.iter().map(|trigger| trigger.text(name)));
        text
    }
}

impl ViewShape {
    pub(super) fn text(&self) -> String {
        let columns = if self.columns.is_empty() { String::new() } else { format!(" {}", self.columns) };
        let mut text = format!("CREATE VIEW {}{columns} AS\n    {};\n", self.name, self.query);
        text.extend(self.triggers.iter().map(|trigger| trigger.text(&self.name)));
        text
    }
}

impl TriggerShape {
    fn text(&self, table: &str) -> String {
        if self.event.is_empty() {
            // The statement could not be read, and is shown as a whole.
            return format!("{};\n", self.statements.join("; "));
        }
        let when = if self.when.is_empty() { String::new() } else { format!(" WHEN {}", self.when) };
        let statements: String = self.statements.iter().map(|statement| format!("    {statement};\n")).collect();
        format!("CREATE TRIGGER {} {} ON {table}{when} BEGIN\n{statements}END;\n", self.name, self.event)
    }
}
