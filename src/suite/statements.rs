//! The SQL of a migration, read: the effects of its statements, and the renames among them.
//!
//! The text decides what is declared and which line is to blame, never whether something was lost: the rows decide that.

use std::collections::BTreeMap;

use crate::schema::{Schema, Table};
use crate::sql::{Cursor, Name, Statement, Token, TokenKind, between_commas, outside, tokens};

/// An effect, and the place of its statement in the migration.
#[derive(Clone, Debug)]
pub(crate) struct StatementEffect {
    pub(crate) statement: usize,
    pub(crate) effect: Effect,
}

/// An effect of a statement. Tables have the names that they have at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    CreateTable(Name),
    DropTable(Name),
    RenameTable {
        table: Name,
        to: Name,
    },
    RenameColumn {
        table: Name,
        column: Name,
        to: Name,
    },
    DropColumn {
        table: Name,
        column: Name,
    },
    /// An index, a trigger or a view.
    DropObject(Name),
    Delete(Name),
    Insert(Name),
    Update(Assignment),
    Pragma {
        name: Name,
        is_set: bool,
    },
    Begin,
    End,
}

/// `column = value` of an UPDATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) table: Name,
    pub(crate) column: Name,
    /// True if the value is computed from what the column held.
    pub(crate) reads_itself: bool,
    /// True if there is no WHERE.
    pub(crate) all_rows: bool,
}

/// Returns all effects of the statements, in order.
pub(crate) fn statement_effects(statements: &[Statement<'_>]) -> Vec<StatementEffect> {
    let effects = statements.iter().enumerate().map(|(index, statement)| {
        let tokens = tokens(statement.text);
        let mut reader = Reader { tokens: &tokens, cursor: Cursor::new(&tokens), found: Vec::new() };
        reader.statement();
        reader.found.into_iter().map(move |effect| StatementEffect { statement: index, effect })
    });
    effects.flatten().collect()
}

/// Returns the name that a table had before it was renamed to the one by which it is dropped.
pub(crate) fn renamed_before_drop<'a>(effects: &'a [StatementEffect], dropped: &str) -> Option<&'a Name> {
    let drops = |effect: &StatementEffect| matches!(&effect.effect, Effect::DropTable(table) if table == dropped);
    effects.iter().take_while(|effect| !drops(effect)).find_map(|effect| match &effect.effect {
        Effect::RenameTable { table, to } if to == dropped => Some(table),
        _ => None,
    })
}

/// Reads the effects of one statement.
struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    cursor: Cursor<'t, 'a>,
    found: Vec<Effect>,
}

impl Reader<'_, '_> {
    fn statement(&mut self) {
        if self.take("alter") {
            self.alter();
        } else if self.take("drop") {
            self.drop_object();
        } else if self.take("create") {
            self.create();
        } else if self.take("pragma") {
            if let Some(name) = self.object_name() {
                let is_set = self.cursor.sees_symbol("=") || self.cursor.sees_symbol("(");
                self.found.push(Effect::Pragma { name, is_set });
            }
        } else if self.take_one_of(&["begin", "savepoint"]) {
            self.found.push(Effect::Begin);
        } else if self.take_one_of(&["commit", "end", "rollback", "release"]) {
            self.found.push(Effect::End);
        } else {
            self.change();
        }
    }

    fn alter(&mut self) {
        self.take("table");
        let Some(table) = self.object_name() else { return };
        if self.take("rename") {
            if self.take("to") {
                let to = self.object_name();
                self.found.extend(to.map(|to| Effect::RenameTable { table, to }));
                return;
            }
            self.take("column");
            if let (Some(column), true, Some(to)) = (self.object_name(), self.take("to"), self.object_name()) {
                self.found.push(Effect::RenameColumn { table, column, to });
            }
        } else if self.take("drop") {
            self.take("column");
            let column = self.object_name();
            self.found.extend(column.map(|column| Effect::DropColumn { table, column }));
        }
    }

    fn drop_object(&mut self) {
        let is_table = self.take("table");
        if !is_table && !self.take_one_of(&["index", "trigger", "view"]) {
            return;
        }
        if self.take("if") {
            self.take("exists");
        }
        let name = self.object_name();
        self.found.extend(name.map(|name| match is_table {
            true => Effect::DropTable(name),
            false => Effect::DropObject(name),
        }));
    }

    fn create(&mut self) {
        if self.take_one_of(&["temp", "temporary"]) {
            // A temporary table is not part of the database.
            return;
        }
        self.take("virtual");
        if !self.take("table") {
            return;
        }
        if self.take("if") {
            self.take("not");
            self.take("exists");
        }
        let Some(table) = self.object_name() else { return };
        self.found.push(Effect::CreateTable(table.clone()));
        if self.take("as") {
            self.found.push(Effect::Insert(table));
        }
    }

    /// Reads INSERT, UPDATE or DELETE, which may follow WITH.
    fn change(&mut self) {
        if self.cursor.sees("with") {
            let verbs = ["insert", "replace", "update", "delete"];
            let is_verb = |token: &Token<'_>| verbs.iter().any(|verb| token.is(verb));
            let Some((verb, _)) = outside(self.tokens).find(|(_, token)| is_verb(token)) else { return };
            self.cursor.seek(verb);
        }
        if self.take_one_of(&["insert", "replace"]) {
            self.conflict_clause();
            self.take("into");
            let table = self.object_name();
            self.found.extend(table.map(Effect::Insert));
        } else if self.take("delete") {
            self.take("from");
            let table = self.object_name();
            self.found.extend(table.map(Effect::Delete));
        } else if self.take("update") {
            self.conflict_clause();
            if let Some(table) = self.object_name() {
                self.update(&table);
            }
        }
    }

    fn update(&mut self, table: &Name) {
        let mut names = vec![table.clone()];
        self.take("as");
        if !self.cursor.sees("set") {
            names.extend(self.object_name());
        }
        if !self.take("set") {
            return;
        }
        let rest = self.cursor.rest();
        let mut end = rest.len();
        let mut all_rows = true;
        for (at, token) in outside(rest) {
            if token.is("where") || token.is("from") || token.is("returning") {
                end = end.min(at);
                all_rows &= token.is("returning");
            }
        }
        for assignment in between_commas(&rest[..end]) {
            let Some(equals) = assignment.iter().position(|token| token.is_symbol("=")) else { continue };
            let (targets, value) = (&assignment[..equals], &assignment[equals + 1..]);
            for column in targets.iter().filter_map(Token::name).map(Name::from) {
                let reads_itself = mentions(value, &column, &names);
                self.found.push(Effect::Update(Assignment { table: table.clone(), column, reads_itself, all_rows }));
            }
        }
    }

    /// Moves past `OR IGNORE` and its like.
    fn conflict_clause(&mut self) {
        if self.take("or") {
            self.cursor.next();
        }
    }

    fn take(&mut self, word: &str) -> bool {
        self.cursor.take(word)
    }

    fn take_one_of(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.take(word))
    }

    fn object_name(&mut self) -> Option<Name> {
        self.cursor.object_name().map(Name::from)
    }
}

/// Returns true if an expression reads this column of the row, by its bare name or qualified with one of the row's names.
fn mentions(expression: &[Token<'_>], column: &Name, row: &[Name]) -> bool {
    expression.iter().enumerate().any(|(at, token)| {
        let is_name = token.kind != TokenKind::Text && token.name().is_some_and(|name| name == *column);
        if !is_name {
            return false;
        }
        match at.checked_sub(2).filter(|_| expression[at - 1].is_symbol(".")) {
            Some(owner) => expression[owner].name().is_some_and(|owner| row.iter().any(|name| *name == owner)),
            // `count (` is a function.
            None => !expression.get(at + 1).is_some_and(|next| next.is_symbol("(")),
        }
    })
}

/// The tables of a database, followed through the renames of a migration.
pub(crate) struct Renames {
    tables: Vec<TrackedTable>,
}

/// The table that has the place of another one after the migration.
pub(crate) struct Successor<'a> {
    pub(crate) name: &'a Name,
    /// True if the old table was dropped and this one created under its name.
    pub(crate) is_recreated: bool,
}

struct TrackedTable {
    /// The name before the migration, unless the migration creates it.
    origin: Option<Name>,
    name: Name,
    is_dropped: bool,
    /// Columns by their old names, and their names at this moment.
    columns: BTreeMap<Name, Name>,
    assignments: Vec<Assignment>,
}

impl TrackedTable {
    fn new(origin: Option<&str>, name: &str) -> TrackedTable {
        TrackedTable {
            origin: origin.map(Name::from),
            name: Name::from(name),
            is_dropped: false,
            columns: BTreeMap::new(),
            assignments: Vec::new(),
        }
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::DropTable(_) => self.is_dropped = true,
            Effect::RenameTable { to, .. } => self.name.clone_from(to),
            Effect::RenameColumn { column, to, .. } => match self.columns.values_mut().find(|name| *name == column) {
                Some(name) => name.clone_from(to),
                None => drop(self.columns.insert(column.clone(), to.clone())),
            },
            Effect::Update(assignment) => self.assignments.push(assignment.clone()),
            _ => {}
        }
    }
}

impl Renames {
    /// Follows the tables of a schema.
    pub(crate) fn of_schema(schema: &Schema, effects: &[StatementEffect]) -> Renames {
        Renames::of(schema.tables.iter().map(|table: &Table| table.name.as_str()), effects)
    }

    /// Follows the tables of these names.
    pub(crate) fn of<'a>(tables: impl IntoIterator<Item = &'a str>, effects: &[StatementEffect]) -> Renames {
        let tables = tables.into_iter().map(|name| TrackedTable::new(Some(name), name)).collect();
        let mut renames = Renames { tables };
        for StatementEffect { effect, .. } in effects {
            let table = match effect {
                Effect::CreateTable(table)
                | Effect::DropTable(table)
                | Effect::RenameTable { table, .. }
                | Effect::RenameColumn { table, .. }
                | Effect::Update(Assignment { table, .. }) => table,
                _ => continue,
            };
            match renames.tables.iter_mut().find(|tracked| !tracked.is_dropped && tracked.name == *table) {
                Some(tracked) => tracked.apply(effect),
                None if matches!(effect, Effect::CreateTable(_)) => {
                    renames.tables.push(TrackedTable::new(None, table));
                }
                None => {}
            }
        }
        renames
    }

    fn tracked(&self, origin: &str) -> Option<&TrackedTable> {
        self.tables.iter().find(|table| table.origin.as_ref().is_some_and(|name| name == origin))
    }

    /// Returns the table that has the place of this one after the migration.
    pub(crate) fn successor(&self, origin: &str) -> Option<Successor<'_>> {
        match self.tracked(origin) {
            Some(table) if !table.is_dropped => Some(Successor { name: &table.name, is_recreated: false }),
            _ => self.recreated(origin).map(|table| Successor { name: &table.name, is_recreated: true }),
        }
    }

    fn recreated(&self, origin: &str) -> Option<&TrackedTable> {
        self.tables.iter().find(|table| table.origin.is_none() && !table.is_dropped && table.name == origin)
    }

    /// Returns true if the table is dropped and another one has its name.
    pub(crate) fn is_recreated(&self, origin: &str) -> bool {
        self.tracked(origin).is_some_and(|table| table.is_dropped) && self.recreated(origin).is_some()
    }

    /// Returns the name of a column after the migration, as far as statements rename it.
    pub(crate) fn column_after<'a>(&'a self, origin: &str, column: &'a Name) -> &'a Name {
        self.tracked(origin).and_then(|table| table.columns.get(column)).unwrap_or(column)
    }

    /// Returns true if UPDATEs put other values in place of some of the column's, and none computed from them. The column
    /// has its name after the migration.
    pub(crate) fn is_replaced(&self, table: &str, column: &str) -> bool {
        let assignments =
            self.tables.iter().filter(|tracked| tracked.name == table).flat_map(|tracked| &tracked.assignments);
        let mut of_column = assignments.filter(|assignment| assignment.column == column).peekable();
        of_column.peek().is_some() && of_column.all(|assignment| !assignment.reads_itself && !assignment.all_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::{Assignment, Effect, statement_effects};
    use crate::sql::{self, Name};

    #[track_caller]
    fn check(text: &str, expected: &[Effect]) {
        let found: Vec<Effect> = statement_effects(&sql::split(text)).into_iter().map(|effect| effect.effect).collect();
        assert_eq!(found, expected, "{text}");
    }

    fn assigned(column: &str, reads_itself: bool, all_rows: bool) -> Effect {
        Effect::Update(Assignment { table: Name::from("t"), column: Name::from(column), reads_itself, all_rows })
    }

    #[test]
    fn names_are_found_whatever_is_around_them() {
        let table = || Name::from("t");
        check("create table if not exists main.[t](x)", &[Effect::CreateTable(table())]);
        check("CREATE TABLE t AS SELECT 1", &[Effect::CreateTable(table()), Effect::Insert(table())]);
        check("CREATE TEMP TABLE t(x)", &[]);
        check("DROP TABLE IF EXISTS \"t\"", &[Effect::DropTable(table())]);
        check("DROP INDEX i", &[Effect::DropObject(Name::from("i"))]);
        check("ALTER TABLE t RENAME TO u", &[Effect::RenameTable { table: table(), to: Name::from("u") }]);
        let renamed = Effect::RenameColumn { table: table(), column: Name::from("a"), to: Name::from("b") };
        check("ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME COLUMN a TO b", &[renamed.clone(), renamed]);
        check("INSERT OR IGNORE INTO t SELECT 1; REPLACE INTO t VALUES (1)", &vec![Effect::Insert(table()); 2]);
        check("WITH t AS (SELECT 1) DELETE FROM t", &[Effect::Delete(table())]);
        check("PRAGMA foreign_keys", &[Effect::Pragma { name: Name::from("foreign_keys"), is_set: false }]);
    }

    #[test]
    fn assignments_tell_what_they_are_made_of() {
        check(
            "UPDATE t SET a = 1, b = trim(b) WHERE c = 2",
            &[assigned("a", false, false), assigned("b", true, false)],
        );
        check("UPDATE t SET a = max(a, (SELECT 1 WHERE 1))", &[assigned("a", true, true)]);
        check(
            "UPDATE t AS x SET a = x.a || 1, b = y.b FROM y",
            &[assigned("a", true, false), assigned("b", false, false)],
        );
        check("UPDATE OR IGNORE t SET a = 'a', b = a(1)", &[assigned("a", false, true), assigned("b", false, true)]);
    }
}
