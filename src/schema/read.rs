//! Reads a schema from SQLite's PRAGMAs and CREATE statements.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Statement, params};

use super::create::{self, KeyText, TableText};
use super::entries::{SchemaEntry, entries, is_internal, text};
use super::facts::{
    Affinity, Column, ForeignKey, ForeignKeyAction, Generated, Index, IndexedColumn, IndexedExpr, Key, Schema, Table,
    TableKind, Trigger, View,
};
use crate::error::{Error, Refusal, Result};
use crate::order::Order as _;
use crate::sql::{Name, same_name};

/// Reads a schema. Tables that are declared as in `known` are copied from there.
pub(super) fn schema(connection: &Connection, known: Option<&Schema>) -> Result<Schema> {
    Reader::new(connection).and_then(|mut reader| reader.schema(connection, known)).map_err(|error| {
        Error::sqlite("read the schema", error).note("facts are read by PRAGMA table_list, of SQLite 3.37")
    })
}

type Refused = rusqlite::Error;

struct Reader<'c> {
    columns: Statement<'c>,
    indexes: Statement<'c>,
    terms: Statement<'c>,
    foreign_keys: Statement<'c>,
}

/// A row of `PRAGMA table_list`.
struct Listed {
    name: String,
    kind: String,
    without_rowid: bool,
    strict: bool,
}

/// A row of `PRAGMA index_list`, with its terms.
struct Listing {
    name: String,
    unique: bool,
    origin: String,
    partial: bool,
    terms: Vec<IndexedColumn>,
}

impl<'c> Reader<'c> {
    fn new(connection: &'c Connection) -> Result<Self, Refused> {
        Ok(Reader {
            columns: connection.prepare(
                "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid",
            )?,
            indexes: connection.prepare(
                "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1, 'main') ORDER BY seq DESC",
            )?,
            terms: connection.prepare(
                "SELECT cid, name, \"desc\", coll FROM pragma_index_xinfo(?1, 'main') WHERE key ORDER BY seqno",
            )?,
            foreign_keys: connection.prepare(
                "SELECT id, \"table\", \"from\", \"to\", on_update, on_delete \
                 FROM pragma_foreign_key_list(?1, 'main') ORDER BY id DESC, seq",
            )?,
        })
    }

    fn schema(&mut self, connection: &Connection, known: Option<&Schema>) -> Result<Schema, Refused> {
        // A statement that is not finished keeps its snapshot, so that everything is read from one state.
        let mut first = connection.prepare("SELECT name FROM main.sqlite_master")?;
        let mut snapshot = first.raw_query();
        snapshot.next()?;

        let entries = entries(connection)?;
        let listed = all(
            &mut connection.prepare("SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'")?,
            "",
            |row| {
                Ok(Listed {
                    name: text(row, 0)?,
                    kind: text(row, 1)?,
                    without_rowid: row.get::<_, i64>(2)? != 0,
                    strict: row.get::<_, i64>(3)? != 0,
                })
            },
        )?;
        let mut schema = Schema { tables: Vec::new(), views: Vec::new(), ledgers: false };
        for entry in entries.iter().filter(|entry| !is_internal(&entry.name)) {
            match entry.kind.as_str() {
                "table" => {
                    let facts = listed.iter().find(|listed| listed.name == entry.name);
                    let known = known.filter(|_| facts.is_some_and(|facts| facts.kind == "table"));
                    let known = known.and_then(|known| known.table(&entry.name));
                    schema.tables.push(match known.filter(|table| is_declared_as(table, entry, &entries)) {
                        Some(known) => known.clone(),
                        None => self.table(entry, facts, &entries)?,
                    });
                }
                "view" => schema.views.push(self.view(entry, &entries)?),
                _ => {}
            }
        }
        schema.tables.order_by(|one, other| one.name.cmp(&other.name));
        schema.views.order_by(|one, other| one.name.cmp(&other.name));
        name_owners(&mut schema.tables);
        Ok(schema)
    }

    fn view(&mut self, entry: &SchemaEntry, entries: &[SchemaEntry]) -> Result<View, Refused> {
        let columns = unless_unresolved(all(&mut self.columns, &entry.name, |row| text(row, 0)))?;
        Ok(View {
            name: entry.name.clone().into(),
            columns: columns.filter(|columns| !columns.is_empty()).map(|all| all.into_iter().map(Name::from).collect()),
            triggers: triggers(entry, entries),
            sql: entry.sql.clone().unwrap_or_default(),
        })
    }

    fn table(
        &mut self,
        entry: &SchemaEntry,
        listed: Option<&Listed>,
        entries: &[SchemaEntry],
    ) -> Result<Table, Refused> {
        let kind = match listed.map(|listed| listed.kind.as_str()) {
            Some("virtual") => {
                let (module, arguments) = create::virtual_table(entry.sql.as_deref().unwrap_or_default());
                TableKind::Virtual { module, arguments }
            }
            Some("shadow") => TableKind::Shadow { of: None },
            _ => TableKind::Ordinary,
        };
        let is_virtual = matches!(kind, TableKind::Virtual { .. });
        let written =
            if is_virtual { TableText::default() } else { create::table(entry.sql.as_deref().unwrap_or_default()) };
        let strict = listed.is_some_and(|listed| listed.strict);
        let without_rowid = listed.is_some_and(|listed| listed.without_rowid);

        let mut key_columns = Vec::new();
        let columns = all(&mut self.columns, &entry.name, |row| {
            let pk: i64 = row.get(4)?;
            if pk > 0 {
                key_columns.push((pk, text(row, 0)?));
            }
            column(row, strict, &written)
        });
        // The module of a virtual table may not be there.
        let columns = if is_virtual { unless_unresolved(columns)?.unwrap_or_default() } else { columns? };
        key_columns.order();

        let mut listings = all(&mut self.indexes, &entry.name, |row| {
            Ok(Listing {
                name: text(row, 0)?,
                unique: row.get::<_, i64>(1)? != 0,
                origin: text(row, 2)?,
                partial: row.get::<_, i64>(3)? != 0,
                terms: Vec::new(),
            })
        })?;
        for listing in &mut listings {
            listing.terms = all(&mut self.terms, &listing.name, term)?;
        }
        let foreign_keys = self.foreign_keys(&entry.name, &written)?;

        let names: Vec<String> = key_columns.into_iter().map(|(_, name)| name).collect();
        let primary_key = if names.is_empty() || is_virtual {
            None
        } else {
            Some(primary_key(names, without_rowid, &listings, &written))
        };
        let unique = listings.iter().filter(|listing| listing.origin == "u").map(|listing| {
            let mut key = key(listing.terms.clone(), &written, |text| !text.primary);
            key.index = Some(listing.name.clone());
            key
        });
        Ok(Table {
            name: entry.name.clone().into(),
            kind,
            strict,
            without_rowid,
            autoincrement: written.autoincrement,
            columns,
            primary_key,
            unique: unique.collect(),
            foreign_keys,
            indexes: indexes(&listings, entries),
            triggers: triggers(entry, entries),
            sql: entry.sql.clone().unwrap_or_default(),
            checks: written.checks,
        })
    }

    fn foreign_keys(&mut self, table: &str, written: &TableText) -> Result<Vec<ForeignKey>, Refused> {
        let rows = all(&mut self.foreign_keys, table, |row| {
            let to = match row.get_ref(3)? {
                ValueRef::Null => None,
                _ => Some(text(row, 3)?),
            };
            Ok((row.get::<_, i64>(0)?, text(row, 1)?, text(row, 2)?, to, text(row, 4)?, text(row, 5)?))
        })?;
        let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
        for (id, parent, from, to, on_update, on_delete) in rows {
            match keys.last_mut() {
                Some((last, key)) if *last == id => {
                    key.columns.push(from.into());
                    if let (Some(columns), Some(to)) = (&mut key.parent_columns, to) {
                        columns.push(to.into());
                    }
                }
                _ => {
                    let key = ForeignKey {
                        name: None,
                        columns: vec![from.into()],
                        parent: parent.into(),
                        parent_columns: to.map(|to| vec![to.into()]),
                        on_delete: action(&on_delete),
                        on_update: action(&on_update),
                        deferred: false,
                    };
                    keys.push((id, key));
                }
            }
        }
        let mut keys: Vec<ForeignKey> = keys.into_iter().map(|(_, key)| key).collect();
        // SQLite lists them from the last to the first, so both are now in the order of declaration.
        if keys.len() == written.foreign_keys.len() {
            for (key, text) in keys.iter_mut().zip(&written.foreign_keys) {
                if key.parent == text.parent && key.columns == text.columns {
                    key.name.clone_from(&text.name);
                    key.deferred = text.deferred;
                }
            }
        }
        Ok(keys)
    }
}

/// Returns true if an ordinary table has this declaration, and these indexes and triggers: all else follows from them.
fn is_declared_as(table: &Table, entry: &SchemaEntry, entries: &[SchemaEntry]) -> bool {
    let is_index = |it: &&SchemaEntry| it.kind == "index" && it.sql.is_some() && same_name(&it.table, &entry.name);
    let is_known = |it: &SchemaEntry| table.indexes.iter().any(|index| it.sql.as_ref() == Some(&index.sql));
    table.kind == TableKind::Ordinary
        && entry.sql.as_ref() == Some(&table.sql)
        && entries.iter().filter(is_index).count() == table.indexes.len()
        && entries.iter().filter(is_index).all(is_known)
        && triggers(entry, entries) == table.triggers
}

/// Returns all rows of `statement`, with `name` as its parameter if it has one.
fn all<T>(
    statement: &mut Statement<'_>,
    name: &str,
    mut of: impl FnMut(&Row<'_>) -> Result<T, Refused>,
) -> Result<Vec<T>, Refused> {
    let mut rows =
        if statement.parameter_count() == 0 { statement.raw_query() } else { statement.query(params![name])? };
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(of(row)?);
    }
    Ok(found)
}

/// Returns `None` if SQLite has no answer because something that the object needs is missing (SQLITE_ERROR). Interrupts,
/// locks and damaged files stay errors.
fn unless_unresolved<T>(result: Result<T, Refused>) -> Result<Option<T>, Refused> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if Refusal::of(&error).is_some_and(|refusal| refusal.code & 0xff == 1) => Ok(None),
        Err(error) => Err(error),
    }
}

fn column(row: &Row<'_>, strict: bool, written: &TableText) -> Result<Column, Refused> {
    let name = text(row, 0)?;
    let declared_type = text(row, 1)?;
    let default = match row.get_ref(3)? {
        ValueRef::Null => None,
        _ => Some(text(row, 3)?),
    };
    let hidden: i64 = row.get(5)?;
    let text = written.columns.iter().find(|text| text.name == name);
    let generated = (hidden == 2 || hidden == 3).then(|| Generated {
        expression: text.and_then(|text| text.generated.clone()).unwrap_or_default(),
        stored: hidden == 3,
    });
    Ok(Column {
        affinity: Affinity::of(&declared_type, strict),
        not_null: row.get::<_, i64>(2)? != 0,
        not_null_on_conflict: text.and_then(|text| text.not_null_conflict.clone()),
        default,
        collation: collation(text.and_then(|text| text.collation.as_deref()).unwrap_or("")),
        generated,
        hidden: hidden == 1,
        name: name.into(),
        declared_type,
    })
}

impl Affinity {
    /// Returns the affinity that SQLite derives from a declared type.
    pub(crate) fn of(declared_type: &str, strict: bool) -> Affinity {
        let declared = declared_type.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        if strict && declared == "ANY" {
            Affinity::Any
        } else if has("INT") {
            Affinity::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Affinity::Text
        } else if has("BLOB") || declared.is_empty() {
            Affinity::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }
}

fn term(row: &Row<'_>) -> Result<IndexedColumn, Refused> {
    let what = match row.get::<_, i64>(0)? {
        -1 => IndexedExpr::Rowid,
        // Its text is filled in from the statement.
        -2 => IndexedExpr::Expression(String::new()),
        _ => IndexedExpr::Column(text(row, 1)?.into()),
    };
    Ok(IndexedColumn { what, descending: row.get::<_, i64>(2)? != 0, collation: collation(&text(row, 3)?) })
}

/// Returns SQLite's own collations in capitals, others as they are written.
fn collation(written: &str) -> String {
    match written.to_ascii_uppercase().as_str() {
        "" => "BINARY".to_owned(),
        own @ ("BINARY" | "NOCASE" | "RTRIM") => own.to_owned(),
        _ => written.to_owned(),
    }
}

fn primary_key(names: Vec<String>, without_rowid: bool, listings: &[Listing], written: &TableText) -> Key {
    let listing = listings.iter().find(|listing| listing.origin == "pk");
    let terms = match listing {
        Some(listing) => listing.terms.clone(),
        None => names.into_iter().map(plain_column).collect(),
    };
    // The rowid has no index, and its collation does not matter.
    let mut key = if listing.is_none() {
        let text = written.keys.iter().find(|text| text.primary);
        Key {
            name: text.and_then(|text| text.name.clone()),
            on_conflict: text.and_then(|text| text.on_conflict.clone()),
            ..key_of(terms)
        }
    } else {
        // A UNIQUE over the same columns has no index of its own, but its ON CONFLICT applies.
        key(terms, written, |_| true)
    };
    key.is_rowid = listing.is_none() && !without_rowid;
    key.index = listing.filter(|_| !without_rowid).map(|listing| listing.name.clone());
    key
}

fn plain_column(name: String) -> IndexedColumn {
    IndexedColumn { what: IndexedExpr::Column(name.into()), descending: false, collation: "BINARY".to_owned() }
}

fn key_of(terms: Vec<IndexedColumn>) -> Key {
    Key { name: None, terms, index: None, is_rowid: false, on_conflict: None }
}

/// Returns a key of these terms, with the name and the conflict clause that are written with it.
fn key(terms: Vec<IndexedColumn>, written: &TableText, may_be: impl Fn(&KeyText) -> bool) -> Key {
    let matches = |text: &&KeyText| {
        may_be(text)
            && text.terms.len() == terms.len()
            && text.terms.iter().zip(&terms).all(|((name, collation), term)| {
                let of_column = || written.columns.iter().find(|column| column.name == *name)?.collation.clone();
                let collation = collation.clone().or_else(of_column).unwrap_or_else(|| "BINARY".to_owned());
                matches!(&term.what, IndexedExpr::Column(column) if column == name)
                    && same_name(&collation, &term.collation)
            })
    };
    let texts: Vec<&KeyText> = written.keys.iter().filter(matches).collect();
    let primary = texts.iter().find(|text| text.primary).or(texts.first());
    Key {
        name: primary.and_then(|text| text.name.clone()),
        on_conflict: texts.iter().find_map(|text| text.on_conflict.clone()),
        ..key_of(terms)
    }
}

fn indexes(listings: &[Listing], entries: &[SchemaEntry]) -> Vec<Index> {
    let mut indexes = Vec::new();
    for listing in listings.iter().filter(|listing| listing.origin == "c") {
        let entry = entries.iter().find(|entry| entry.kind == "index" && entry.name == listing.name);
        let sql = entry.and_then(|entry| entry.sql.clone()).unwrap_or_default();
        let written = create::index(&sql);
        let mut terms = listing.terms.clone();
        for (term, text) in terms.iter_mut().zip(&written.terms) {
            if let IndexedExpr::Expression(expression) = &mut term.what {
                expression.clone_from(text);
            }
        }
        indexes.push(Index {
            name: listing.name.clone().into(),
            unique: listing.unique,
            terms,
            partial: listing.partial.then(|| written.partial.unwrap_or_default()),
            sql,
        });
    }
    indexes.order_by(|one, other| one.name.cmp(&other.name));
    indexes
}

fn triggers(of: &SchemaEntry, entries: &[SchemaEntry]) -> Vec<Trigger> {
    let its = |entry: &&SchemaEntry| entry.kind == "trigger" && same_name(&entry.table, &of.name);
    let mut triggers: Vec<Trigger> = entries
        .iter()
        .filter(its)
        .map(|entry| Trigger { name: entry.name.clone().into(), sql: entry.sql.clone().unwrap_or_default() })
        .collect();
    triggers.order_by(|one, other| one.name.cmp(&other.name));
    triggers
}

/// Sets the virtual table of each shadow table. SQLite recognizes a shadow by its name: that of a virtual table, an underscore
/// and a word of the module's.
fn name_owners(tables: &mut [Table]) {
    let virtual_tables: Vec<Name> = tables
        .iter()
        .filter(|table| matches!(table.kind, TableKind::Virtual { .. }))
        .map(|table| table.name.clone())
        .collect();
    for table in tables {
        if let TableKind::Shadow { of } = &mut table.kind {
            let owner = table.name.rsplit_once('_').map_or("", |(owner, _)| owner);
            *of = virtual_tables.iter().find(|name| *name == owner).cloned();
        }
    }
}

fn action(name: &str) -> ForeignKeyAction {
    match name {
        "RESTRICT" => ForeignKeyAction::Restrict,
        "SET NULL" => ForeignKeyAction::SetNull,
        "SET DEFAULT" => ForeignKeyAction::SetDefault,
        "CASCADE" => ForeignKeyAction::Cascade,
        _ => ForeignKeyAction::NoAction,
    }
}
