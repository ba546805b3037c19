//! Random histories: correct ones pass, and one accident of each kind at their end is always found.

use sqlitmus::suite::Suite;

use super::{embedded, failures};

/// A seeded random number generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

#[derive(Clone)]
struct Table {
    name: String,
    /// The name and declaration of each column except `id` and `parent_id`.
    columns: Vec<(String, &'static str)>,
    parent: Option<String>,
    index: Option<String>,
}

struct History {
    dice: Dice,
    tables: Vec<Table>,
    migrations: Vec<String>,
    names: usize,
}

const TYPES: [&str; 4] = ["TEXT", "TEXT NOT NULL", "INTEGER", "INTEGER NOT NULL DEFAULT 0"];

impl Table {
    fn create(&self, name: &str) -> String {
        let mut lines = vec!["id INTEGER PRIMARY KEY".to_owned()];
        if let Some(parent) = &self.parent {
            lines.push(format!("parent_id INTEGER NOT NULL REFERENCES {parent}(id) ON DELETE CASCADE"));
        }
        lines.extend(self.columns.iter().map(|(column, declared)| format!("{column} {declared}")));
        format!("CREATE TABLE {name}({}) STRICT;\n", lines.join(", "))
    }

    fn index(&self) -> String {
        let own = self
            .index
            .iter()
            .map(|column| format!("CREATE INDEX {}_{column} ON {}({column});\n", self.name, self.name));
        let parent =
            self.parent.iter().map(|_| format!("CREATE INDEX {}_parent ON {}(parent_id);\n", self.name, self.name));
        own.chain(parent).collect()
    }

    fn names(&self) -> String {
        let columns = self.columns.iter().map(|(column, _)| column.as_str());
        ["id"].into_iter().chain(self.parent.iter().map(|_| "parent_id")).chain(columns).collect::<Vec<_>>().join(", ")
    }

    /// Replaces this table by a new one, filled by `copy`.
    fn rebuild(&self, new: &Table, copy: &str) -> String {
        let Table { name, .. } = self;
        format!(
            "{}{copy};\nDROP TABLE {name};\nALTER TABLE {name}_new RENAME TO {name};\n{}",
            new.create(&format!("{name}_new")),
            new.index()
        )
    }

    fn copy(&self) -> String {
        format!("INSERT INTO {0}_new({1}) SELECT {1} FROM {0}", self.name, self.names())
    }
}

impl History {
    fn new(seed: u64) -> History {
        let mut history = History { dice: Dice(seed), tables: Vec::new(), migrations: Vec::new(), names: 0 };
        history.dice.below(2);
        history.add_table(None);
        let first = history.tables[0].name.clone();
        history.add_table(Some(first));
        for _ in 0..5 {
            history.edit();
        }
        history
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    fn add_table(&mut self, parent: Option<String>) {
        let name = self.name("t");
        let columns = (0..3)
            .map(|at| (self.name("c"), if at == 0 { "TEXT NOT NULL" } else { TYPES[self.dice.below(4)] }))
            .collect();
        let table = Table { name, columns, parent, index: None };
        self.migrations.push(table.create(&table.name) + &table.index());
        self.tables.push(table);
    }

    fn edit(&mut self) {
        let at = self.dice.below(self.tables.len());
        let which = self.dice.below(self.tables[at].columns.len());
        let (fresh, kind) = (self.name("c"), self.dice.below(7));
        let is_parent = self.tables.iter().any(|table| table.parent.as_ref() == Some(&self.tables[at].name));
        let old = self.tables[at].clone();
        let table = &mut self.tables[at];
        let sql = match kind {
            0 => {
                table.columns.push((fresh.clone(), "TEXT"));
                format!("ALTER TABLE {} ADD COLUMN {fresh} TEXT;", table.name)
            }
            1 => {
                table.columns.push((fresh.clone(), "INTEGER NOT NULL DEFAULT 0"));
                format!("ALTER TABLE {} ADD COLUMN {fresh} INTEGER NOT NULL DEFAULT 0;", table.name)
            }
            2 if table.index.is_none() => {
                let column = std::mem::replace(&mut table.columns[which].0, fresh.clone());
                format!("ALTER TABLE {} RENAME COLUMN {column} TO {fresh};", table.name)
            }
            3 if table.index.is_none() => {
                table.index = Some(table.columns[which].0.clone());
                format!("CREATE INDEX {0}_{1} ON {0}({1});", table.name, table.columns[which].0)
            }
            4 => {
                let column = &table.columns[which].0;
                let value = if table.columns[which].1.starts_with("TEXT") { "''" } else { "0" };
                format!("UPDATE {} SET {column} = {value} WHERE {column} IS NULL;", table.name)
            }
            5 => {
                table.columns.insert(0, (fresh, "TEXT"));
                let rebuild = old.rebuild(table, &old.copy());
                match is_parent {
                    false => rebuild,
                    true => format!(
                        "-- no-transaction\nPRAGMA foreign_keys = OFF;\nBEGIN;\n{rebuild}COMMIT;\nPRAGMA foreign_keys = ON;"
                    ),
                }
            }
            _ => {
                let parent = table.name.clone();
                return self.add_table(Some(parent));
            }
        };
        self.migrations.push(sql);
    }

    fn suite(&self) -> Suite {
        let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let files: Vec<(&'static str, &'static str)> = self
            .migrations
            .iter()
            .enumerate()
            .map(|(at, sql)| (leak(format!("{:03}.sql", at + 1)), leak(sql.clone())))
            .collect();
        let named: Vec<(&'static str, &'static str)> =
            files.iter().map(|(name, sql)| (leak(name.replace(".sql", "_step.sql")), *sql)).collect();
        Suite::new(embedded(&named))
    }
}

#[test]
fn correct_histories_pass() {
    for seed in 0..8 {
        let history = History::new(seed);
        let found = failures(&history.suite().report());
        assert_eq!(found, [], "seed {seed}: {:#?}", history.migrations);
    }
}

/// Adds an accident, and returns the test that finds it.
type Accident = fn(&mut History) -> &'static str;

fn first_child(history: &History) -> Table {
    history.tables.iter().find(|table| table.parent.is_some()).unwrap().clone()
}

fn leaf(history: &History) -> Table {
    let is_parent = |table: &Table| history.tables.iter().any(|other| other.parent.as_ref() == Some(&table.name));
    history.tables.iter().find(|table| !is_parent(table)).unwrap().clone()
}

fn text_column(table: &Table) -> String {
    table.columns.iter().find(|(_, declared)| *declared == "TEXT NOT NULL").unwrap().0.clone()
}

const ACCIDENTS: [Accident; 9] = [
    |history| {
        let parent = first_child(history).parent.unwrap();
        let table = history.tables.iter().find(|table| table.name == parent).unwrap().clone();
        history.migrations.push(table.rebuild(&table, &table.copy()));
        "every_row_survives"
    },
    |history| {
        let table = leaf(history);
        let mut new = table.clone();
        new.columns.push(("extra".to_owned(), "TEXT"));
        new.index = None;
        let column = text_column(&table);
        history.migrations.push(format!("CREATE INDEX lost ON {}({column}, id);", table.name));
        history.migrations.push(table.rebuild(&new, &table.copy()));
        "lints_clean"
    },
    |history| {
        let table = leaf(history);
        let column =
            table.columns.iter().map(|(column, _)| column).find(|column| table.index.as_ref() != Some(*column));
        history.migrations.push(format!("ALTER TABLE {} DROP COLUMN {};", table.name, column.unwrap()));
        "every_row_survives"
    },
    |history| {
        let table = leaf(history);
        let column = text_column(&table);
        history.migrations.push(format!("UPDATE {} SET {column} = substr({column}, 1, 1);", table.name));
        "every_row_survives"
    },
    |history| {
        let table = leaf(history);
        let (name, column) = (&table.name, text_column(&table));
        let sql = format!(
            "-- no-transaction\nALTER TABLE {name} ADD COLUMN extra TEXT;\nCREATE INDEX extra ON {name}({column}, extra);"
        );
        history.migrations.push(sql);
        "failure_leaves_the_previous_version"
    },
    |history| {
        let table = leaf(history);
        history.migrations.push(format!("CREATE UNIQUE INDEX only_one ON {}({});", table.name, text_column(&table)));
        "every_version_upgrades_with_data"
    },
    |history| {
        let table = leaf(history);
        let mut new = table.clone();
        new.columns.push(("optional".to_owned(), "TEXT NOT NULL"));
        history.migrations.push(format!("ALTER TABLE {} ADD COLUMN optional TEXT;", table.name));
        let mut old = table.clone();
        old.columns.push(("optional".to_owned(), "TEXT"));
        history.migrations.push(old.rebuild(&new, &old.copy()));
        "every_version_upgrades_with_data"
    },
    |history| {
        let table = leaf(history);
        let names = table.names().replacen("id, ", "", 1);
        let copy = format!("INSERT INTO {0}_new({names}) SELECT {names} FROM {0} ORDER BY id DESC", table.name);
        history.migrations.push(table.rebuild(&table, &copy));
        "every_row_survives"
    },
    |history| {
        let table = leaf(history);
        let copy = format!("{} WHERE id > 1", table.copy());
        history.migrations.push(table.rebuild(&table, &copy));
        "every_row_survives"
    },
];

#[test]
fn an_accident_of_each_kind_is_always_found() {
    for (kind, accident) in ACCIDENTS.iter().enumerate() {
        for seed in 0..3 {
            let mut history = History::new(seed * 31 + 7);
            let test = accident(&mut history);
            let outcome = history.suite().only(test).try_test(test);
            assert!(outcome.is_err(), "kind {kind}, seed {seed}: {:#?}", history.migrations);
        }
    }
}
