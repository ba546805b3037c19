//! What the statements of a migration say that they do: which tables they rename, drop and rebuild, which columns they
//! assign. It decides what is declared and which line is to blame, never whether something was lost: the rows decide that.

use crate::sql::{Statement, Token, TokenKind, tokens};

/// One thing that a statement does, and the place of the statement among those of its migration.
#[derive(Clone, Debug)]
pub(super) struct StatementEffect {
    pub(super) statement: usize,
    pub(super) effect: Effect,
}

/// What it does. Tables are named as they are at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    CreateTable {
        table: String,
    },
    DropTable {
        table: String,
    },
    RenameTable {
        table: String,
        to: String,
    },
    RenameColumn {
        table: String,
        column: String,
        to: String,
    },
    DropColumn {
        table: String,
        column: String,
    },
    /// An index, a trigger or a view.
    DropObject {
        name: String,
    },
    Delete {
        table: String,
    },
    Insert {
        table: String,
    },
    /// `reads_itself`: the value is computed from what the column held. `all_rows`: there is no WHERE.
    Update {
        table: String,
        column: String,
        reads_itself: bool,
        all_rows: bool,
    },
    Pragma {
        name: String,
        sets: bool,
    },
    Begin,
    End,
}

/// Everything that the statements do, in order.
pub(super) fn statement_effects(statements: &[Statement<'_>]) -> Vec<StatementEffect> {
    let mut found = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        let mut effects = Vec::new();
        Words { tokens: tokens(statement.text), at: 0 }.read(&mut effects);
        found.extend(effects.into_iter().map(|effect| StatementEffect { statement: index, effect }));
    }
    found
}

/// The name that a table had before it was renamed to the one by which it is dropped.
pub(super) fn renamed_before_drop<'a>(effects: &'a [StatementEffect], dropped: &str) -> Option<&'a str> {
    let drops = |effect: &StatementEffect| matches!(&effect.effect, Effect::DropTable { table } if table.eq_ignore_ascii_case(dropped));
    effects.iter().take_while(|effect| !drops(effect)).find_map(|effect| match &effect.effect {
        Effect::RenameTable { table, to } if to.eq_ignore_ascii_case(dropped) => Some(table.as_str()),
        _ => None,
    })
}

struct Words<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Words<'a> {
    fn read(&mut self, found: &mut Vec<Effect>) {
        if self.take("alter") {
            self.alter(found);
        } else if self.take("drop") {
            self.drop_object(found);
        } else if self.take("create") {
            self.create(found);
        } else if self.take("pragma") {
            if let Some(name) = self.name() {
                let sets = self.peek().is_some_and(|token| token.is_symbol("=") || token.is_symbol("("));
                found.push(Effect::Pragma { name, sets });
            }
        } else if self.take("begin") || self.take("savepoint") {
            found.push(Effect::Begin);
        } else if self.take("commit") || self.take("end") || self.take("rollback") || self.take("release") {
            found.push(Effect::End);
        } else {
            self.change(found);
        }
    }

    fn alter(&mut self, found: &mut Vec<Effect>) {
        self.take("table");
        let Some(table) = self.name() else { return };
        if self.take("rename") {
            if self.take("to") {
                found.extend(self.name().map(|to| Effect::RenameTable { table, to }));
                return;
            }
            self.take("column");
            if let (Some(column), true, Some(to)) = (self.name(), self.take("to"), self.name()) {
                found.push(Effect::RenameColumn { table, column, to });
            }
        } else if self.take("drop") {
            self.take("column");
            found.extend(self.name().map(|column| Effect::DropColumn { table, column }));
        }
    }

    fn drop_object(&mut self, found: &mut Vec<Effect>) {
        let is_table = self.take("table");
        if !is_table && !["index", "trigger", "view"].iter().any(|kind| self.take(kind)) {
            return;
        }
        if self.take("if") {
            self.take("exists");
        }
        found.extend(
            self.name()
                .map(|name| if is_table { Effect::DropTable { table: name } } else { Effect::DropObject { name } }),
        );
    }

    fn create(&mut self, found: &mut Vec<Effect>) {
        if self.take("temp") || self.take("temporary") {
            // What lives as long as the connection is no part of the database.
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
        let Some(table) = self.name() else { return };
        found.push(Effect::CreateTable { table: table.clone() });
        if self.take("as") {
            found.push(Effect::Insert { table });
        }
    }

    /// INSERT, UPDATE, DELETE, perhaps behind WITH.
    fn change(&mut self, found: &mut Vec<Effect>) {
        if self.peek().is_some_and(|token| token.is("with")) {
            let verbs = ["insert", "replace", "update", "delete"];
            let mut depth = 0_usize;
            let verb = self.tokens.iter().position(|token| {
                depth = depth_after(depth, token);
                depth == 0 && verbs.iter().any(|verb| token.is(verb))
            });
            let Some(verb) = verb else { return };
            self.at = verb;
        }
        if self.take("insert") || self.take("replace") {
            if self.take("or") {
                self.at += 1;
            }
            self.take("into");
            found.extend(self.name().map(|table| Effect::Insert { table }));
        } else if self.take("delete") {
            self.take("from");
            found.extend(self.name().map(|table| Effect::Delete { table }));
        } else if self.take("update") {
            if self.take("or") {
                self.at += 1;
            }
            if let Some(table) = self.name() {
                self.update(&table, found);
            }
        }
    }

    fn update(&mut self, table: &str, found: &mut Vec<Effect>) {
        let mut names = vec![table.to_owned()];
        self.take("as");
        if self.peek().is_some_and(|token| !token.is("set")) {
            names.extend(self.name());
        }
        if !self.take("set") {
            return;
        }
        let start = self.at;
        let mut depth = 0_usize;
        let mut end = self.tokens.len();
        let mut all_rows = true;
        for (at, token) in self.tokens.iter().enumerate().skip(start) {
            depth = depth_after(depth, token);
            if depth == 0 && (token.is("where") || token.is("from") || token.is("returning")) {
                end = end.min(at);
                all_rows &= token.is("returning");
            }
        }
        for assignment in parted(&self.tokens[start..end]) {
            let Some(equals) = assignment.iter().position(|token| token.is_symbol("=")) else { continue };
            let (targets, value) = (&assignment[..equals], &assignment[equals + 1..]);
            for column in targets.iter().filter_map(Token::name) {
                let reads_itself = mentions(value, &column, &names);
                found.push(Effect::Update { table: table.to_owned(), column, reads_itself, all_rows });
            }
        }
    }

    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, word: &str) -> bool {
        let taken = self.peek().is_some_and(|token| token.is(word));
        self.at += usize::from(taken);
        taken
    }

    /// A name, without the schema before it.
    fn name(&mut self) -> Option<String> {
        let mut name = self.peek()?.name()?;
        self.at += 1;
        if self.peek().is_some_and(|token| token.is_symbol(".")) {
            self.at += 1;
            name = self.peek()?.name()?;
            self.at += 1;
        }
        Some(name)
    }
}

fn depth_after(depth: usize, token: &Token<'_>) -> usize {
    if token.is_symbol("(") {
        depth + 1
    } else if token.is_symbol(")") {
        depth.saturating_sub(1)
    } else {
        depth
    }
}

/// What stands between the commas that are in no parentheses.
fn parted<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0_usize;
    tokens
        .split(|token| {
            depth = depth_after(depth, token);
            depth == 0 && token.is_symbol(",")
        })
        .collect()
}

/// Whether an expression reads this column of the row, by its bare name or behind one of the row's names.
fn mentions(expression: &[Token<'_>], column: &str, row: &[String]) -> bool {
    expression.iter().enumerate().any(|(at, token)| {
        let is_name =
            token.kind != TokenKind::Text && token.name().is_some_and(|name| name.eq_ignore_ascii_case(column));
        if !is_name {
            return false;
        }
        match at.checked_sub(2).filter(|_| expression[at - 1].is_symbol(".")) {
            Some(owner) => {
                expression[owner].name().is_some_and(|owner| row.iter().any(|name| name.eq_ignore_ascii_case(&owner)))
            }
            // `count (` is a function.
            None => !expression.get(at + 1).is_some_and(|next| next.is_symbol("(")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Effect, statement_effects};
    use crate::sql;

    #[track_caller]
    fn check(text: &str, expected: &[Effect]) {
        let found: Vec<Effect> = statement_effects(&sql::split(text)).into_iter().map(|effect| effect.effect).collect();
        assert_eq!(found, expected, "{text}");
    }

    fn assigned(column: &str, reads_itself: bool, all_rows: bool) -> Effect {
        Effect::Update { table: "t".to_owned(), column: column.to_owned(), reads_itself, all_rows }
    }

    #[test]
    fn names_are_found_whatever_is_around_them() {
        let table = || "t".to_owned();
        check("create table if not exists main.[t](x)", &[Effect::CreateTable { table: table() }]);
        check(
            "CREATE TABLE t AS SELECT 1",
            &[Effect::CreateTable { table: table() }, Effect::Insert { table: table() }],
        );
        check("CREATE TEMP TABLE t(x)", &[]);
        check("DROP TABLE IF EXISTS \"t\"", &[Effect::DropTable { table: table() }]);
        check("DROP INDEX i", &[Effect::DropObject { name: "i".to_owned() }]);
        check("ALTER TABLE t RENAME TO u", &[Effect::RenameTable { table: table(), to: "u".to_owned() }]);
        let renamed = Effect::RenameColumn { table: table(), column: "a".to_owned(), to: "b".to_owned() };
        check("ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME COLUMN a TO b", &[renamed.clone(), renamed]);
        check(
            "INSERT OR IGNORE INTO t SELECT 1; REPLACE INTO t VALUES (1)",
            &vec![Effect::Insert { table: table() }; 2],
        );
        check("WITH t AS (SELECT 1) DELETE FROM t", &[Effect::Delete { table: table() }]);
        check("PRAGMA foreign_keys", &[Effect::Pragma { name: "foreign_keys".to_owned(), sets: false }]);
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
