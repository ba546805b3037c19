//! The effects of a migration's statements.

use super::named_values::{NamedValues, cut_columns, is_constant, mentions, whole_columns};
use crate::sql::{Cursor, Name, Statement, Token, between_commas, outside, tokens, unquoted};

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
    /// A copy that names these values with CASE.
    Map {
        table: Name,
        named: NamedValues,
    },
    /// An INSERT .. SELECT or DELETE that chooses rows by these values.
    Choose {
        columns: Vec<Name>,
        named: NamedValues,
    },
    Update(Assignment),
    /// Columns that are passed to functions that may cut a value, and those that are taken as they are.
    Read {
        cut: Vec<Name>,
        whole: Vec<Name>,
    },
    Pragma {
        name: Name,
        is_set: bool,
        /// True if it sets `on`, `yes`, `true` or another number than 0.
        is_on: bool,
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
    /// Why it replaces values on purpose.
    pub(crate) purpose: Purpose,
    /// The values of the column that the statement names.
    pub(crate) named: NamedValues,
    /// The names in its value; for a value of a list, `FROM (VALUES ..)`, also those that it is looked up by.
    pub(crate) sources: Vec<Name>,
    /// The column that is its value.
    pub(crate) copied: Option<Name>,
}

/// The use that an assignment makes of the values that it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Sets a constant, not NULL and not blank, in rows that other columns choose: a new state.
    State,
    /// Replaces the values that it names.
    Mapping,
    /// Destroys values that nothing names.
    None,
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
                self.cursor.next();
                let is_on = self.cursor.peek().is_some_and(|value| {
                    let text = unquoted(value.text).to_ascii_lowercase();
                    is_set
                        && (["on", "yes", "true"].contains(&&*text)
                            || text.parse().is_ok_and(|number: i64| number != 0))
                });
                self.found.push(Effect::Pragma { name, is_set, is_on });
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
            self.columns_read();
        }
    }

    /// Reads INSERT, UPDATE or DELETE, which may follow WITH.
    fn change(&mut self) {
        self.columns_read();
        if self.cursor.sees("with") {
            let verbs = ["insert", "replace", "update", "delete"];
            let is_verb = |token: &Token<'_>| verbs.iter().any(|verb| token.is(verb));
            let Some((verb, _)) = outside(self.tokens).find(|(_, token)| is_verb(token)) else { return };
            self.cursor.seek(verb);
        }
        if self.take_one_of(&["insert", "replace"]) {
            self.conflict_clause();
            self.take("into");
            let Some(table) = self.object_name() else { return };
            self.found.push(Effect::Insert(table.clone()));
            self.chosen(self.tokens);
            let named = NamedValues::of_cases(self.tokens);
            if !named.is_empty() {
                self.found.push(Effect::Map { table, named });
            }
        } else if self.take("delete") {
            self.take("from");
            let table = self.object_name();
            self.found.extend(table.map(Effect::Delete));
            self.chosen(self.tokens);
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
        let (rest, start) = (self.cursor.rest(), self.cursor.at());
        let mut end = rest.len();
        let mut all_rows = true;
        for (at, token) in outside(rest) {
            if token.is("where") || token.is("from") || token.is("returning") {
                end = end.min(at);
                all_rows &= token.is("returning");
            }
        }
        let around = (&self.tokens[..start], &rest[end..]);
        for assignment in between_commas(&rest[..end]) {
            let Some(equals) = assignment.iter().position(|token| token.is_symbol("=")) else { continue };
            let (targets, value) = (&assignment[..equals], &assignment[equals + 1..]);
            if value.iter().any(|token| token.is("select")) {
                self.chosen(value);
            }
            for column in targets.iter().filter_map(Token::name).map(Name::from) {
                let mut assignment = assignment_of((&column, &names), value, around);
                assignment.all_rows = all_rows;
                self.found.push(Effect::Update(assignment));
            }
        }
    }

    fn columns_read(&mut self) {
        let (cut, whole) = (cut_columns(self.tokens), whole_columns(self.tokens));
        if !cut.is_empty() || !whole.is_empty() {
            self.found.push(Effect::Read { cut, whole });
        }
    }

    /// Reads by which values rows are chosen.
    fn chosen(&mut self, tokens: &[Token<'_>]) {
        let Some(start) = tokens.iter().position(|token| token.is("where")) else { return };
        let condition = &tokens[start..];
        let named = NamedValues::of(condition);
        if !named.is_empty() {
            let columns = condition.iter().filter_map(Token::name).map(Name::from).collect();
            self.found.push(Effect::Choose { columns, named });
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

/// Reads an assignment to a column of a row with these names. `around` is the statement before and after its assignments.
fn assignment_of(
    (column, row): (&Name, &[Name]),
    value: &[Token<'_>],
    (before, after): (&[Token<'_>], &[Token<'_>]),
) -> Assignment {
    let reads_itself = mentions(value, column, row);
    let mut named = NamedValues::of(value);
    named.add(&NamedValues::of(before));
    named.add(&NamedValues::of(after));
    let is_blank = matches!(value, [only] if only.is("null") || ["''", "'{}'", "'[]'"].contains(&only.text));
    let is_chosen_by_others = || after.split_first().is_some_and(|(_, condition)| !is_constant(condition));
    let purpose = if mentions(after, column, row) {
        if reads_itself || named.is_empty() { Purpose::None } else { Purpose::Mapping }
    } else if is_constant(value) && !is_blank && is_chosen_by_others() {
        Purpose::State
    } else {
        Purpose::None
    };
    let is_of_list = !is_constant(value) && before.iter().chain(after).any(|token| token.is("values"));
    let looked_up = after.iter().filter(|_| is_of_list);
    let sources = value.iter().chain(looked_up).filter_map(Token::name).map(Name::from).collect();
    let copied = match value {
        [column] | [column, _] if value.len() == 1 || value[1].is_symbol(";") => column.name(),
        [_, dot, column, ..] if dot.is_symbol(".") && (value.len() == 3 || value[3].is_symbol(";")) => column.name(),
        _ => None,
    };
    let copied = copied.map(Name::from);
    Assignment {
        table: row[0].clone(),
        column: column.clone(),
        reads_itself,
        all_rows: false,
        purpose,
        named,
        sources,
        copied,
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Purpose, statement_effects};
    use crate::sql::{self, Name};

    #[track_caller]
    fn check(text: &str, expected: &[Effect]) {
        let found: Vec<Effect> = statement_effects(&sql::split(text)).into_iter().map(|effect| effect.effect).collect();
        assert_eq!(found, expected, "{text}");
    }

    /// Checks column, `reads_itself`, `all_rows` and purpose of the assignments.
    #[track_caller]
    fn assigned(text: &str, expected: &[(&str, bool, bool, Purpose)]) {
        let effects = statement_effects(&sql::split(text));
        let found: Vec<_> = effects
            .iter()
            .filter_map(|effect| match &effect.effect {
                Effect::Update(is) => Some((is.column.as_str(), is.reads_itself, is.all_rows, is.purpose)),
                _ => None,
            })
            .collect();
        assert_eq!(found, expected, "{text}");
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
        check(
            "PRAGMA foreign_keys",
            &[Effect::Pragma { name: Name::from("foreign_keys"), is_set: false, is_on: false }],
        );
    }

    #[test]
    fn assignments_tell_what_they_are_made_of() {
        use Purpose::{Mapping, None, State};
        assigned(
            "UPDATE t SET a = 1, b = trim(b) WHERE c = 2",
            &[("a", false, false, State), ("b", true, false, None)],
        );
        assigned("UPDATE t SET a = max(a, (SELECT 1 WHERE 1))", &[("a", true, true, None)]);
        assigned(
            "UPDATE t AS x SET a = x.a || 1, b = y.b FROM y",
            &[("a", true, false, None), ("b", false, false, None)],
        );
        assigned("UPDATE OR IGNORE t SET a = 'a', b = a(1)", &[("a", false, true, None), ("b", false, true, None)]);
        assigned("UPDATE t SET a = 1 WHERE a IS NOT NULL", &[("a", false, false, None)]);
        assigned("UPDATE t SET a = 1 WHERE a = 2", &[("a", false, false, Mapping)]);
        assigned("UPDATE t SET a = 1 WHERE a IN (SELECT b FROM y)", &[("a", false, false, None)]);
        assigned("UPDATE t SET a = NULL WHERE b = 2", &[("a", false, false, None)]);
        assigned("UPDATE t SET a = 1 WHERE 1 = 1", &[("a", false, false, None)]);
    }
}
