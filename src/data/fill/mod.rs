//! `Fill`: what a test says about the rows that it wants, and what became of it.
//!
//! ```text
//! wishes -> request: which tables, how many rows -> plan of each table: conditions -> branches -> ways, judged by SQLite
//!        -> keys share the row's number -> insert: make, insert, on a refusal make what it is about again
//! ```
//!
//! - **A value is a function** of (seed, table, number of the row, column, attempt). So nothing changes when a column
//!   or a table is added, and a parent's key is made again from its row's number when a child needs it: memory does
//!   not grow with rows. Only keys that follow from others (a group, a parent, a closure) are kept.
//! - **A number for UNIQUE, not retries.** One column of each key takes its value from the row's number by a
//!   bijection; if none has room, the columns share it like the digits of a number, which also tells how many rows a
//!   table can hold, unless the values are only those that were found: then the error says no more than that. Numbers
//!   begin behind the rows that are there; one that is taken is skipped for good.
//! - **CHECKs** are read by a small parser into ways to satisfy them: domains of columns and relations between two.
//!   What it does not know is an opaque leaf. A way counts only after SQLite has passed samples of it, on an empty
//!   temporary table of the same columns on the caller's connection, where the app's functions are. If no way passes,
//!   values are searched: what the expression names, what is near, texts of many kinds. Not the parser but SQLite is
//!   right.
//! - What is read out of a JSON document (`json_extract(body, '$.kind')`, in CHECKs, generated columns and indexes) counts as
//!   a column of its own until the document is made of its members.
//! - A column that has to equal an expression of others (`total = price * amount`) is calculated by SQLite for each
//!   row. So is one that a trigger compares with the rows before (`version = 1 + max(version)`).
//! - **What a child asks of a foreign key's value, its parent has**: a CHECK on the one is solved for the other. Foreign keys
//!   that only a trigger knows are read from it.
//! - **Cycles of keys that may not be NULL** are closed with keys of rows that come later, which are known before they
//!   are made, under `defer_foreign_keys`.
//! - A row with a name is numbered by its name: it is the same whatever else is made, as are the others without it.
//! - The loop is plain matches over small enums into one buffer for each column: tests run unoptimised.

mod asked;
pub(crate) mod failure;
pub(crate) mod finish;
pub(crate) mod insert;
pub(crate) mod make;
mod meeting;
pub(crate) mod options;
pub(crate) mod order;
mod pairs;
pub(crate) mod plan;
pub(crate) mod references;
pub(crate) mod request;
mod triggers;
pub(crate) mod turns;
pub(crate) mod unique;

use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, ToSql};

use self::finish::{Deferred, Roomy};
use self::insert::{Filler, State};
use self::options::{Given, Options, Row};
use self::plan::Plan;
use self::request::Wishes;
use crate::data::script::Script;
use crate::db::TestDb;
use crate::db::again_with;
use crate::error::{Error, Result, or_panic};
use crate::schema::Schema;

/// Rows that are wanted. Nothing happens before [`insert`](Fill::insert).
///
/// Parents are made as needed: by default rows refer to parents of the same fill, and tables that are not named get as many
/// rows as their children need.
#[derive(Clone, Debug)]
#[must_use = "nothing is inserted before `.insert(&db)`"]
pub struct Fill {
    wishes: Wishes,
    options: Options,
}

/// What was inserted.
#[derive(Clone, Debug)]
pub struct Filled {
    seed: u64,
    tables: Vec<(String, u64)>,
    full: Vec<(String, u64, String)>,
    labels: Vec<(String, Value)>,
}

impl Default for Fill {
    fn default() -> Fill {
        Fill::new()
    }
}

impl Fill {
    /// A fill of seed 0.
    pub fn new() -> Fill {
        Fill::seed(0)
    }

    /// A fill of this seed: another one gives other rows. `SQLITMUS_SEED` overrules it.
    pub fn seed(seed: u64) -> Fill {
        Fill {
            wishes: Wishes::default(),
            options: Options {
                seed,
                null_rate: 20,
                skew: None,
                reuse: false,
                edge_cases: false,
                #[cfg(feature = "data")]
                locale: crate::data::values::realistic::Locale::default(),
                given: Vec::new(),
            },
        }
    }

    /// So many rows of a table. Less than that is an error.
    pub fn rows(mut self, table: &str, rows: u64) -> Fill {
        self.wishes.rows.push((table.to_owned(), rows));
        self
    }

    /// So many rows of every ordinary table, or as many as it can hold. The ledgers of migration runners are left alone.
    pub fn every_table(mut self, rows: u64) -> Fill {
        self.wishes.every = Some(rows);
        self
    }

    /// For each row of `parent` as many rows of `child` as are drawn from `range`. The parents are those of this fill, or
    /// those that are there, if it makes none.
    pub fn each(mut self, parent: &str, child: &str, range: RangeInclusive<u64>) -> Fill {
        self.wishes.each.push((parent.to_owned(), child.to_owned(), *range.start(), *range.end()));
        self
    }

    /// One value for a column in all rows of this fill.
    pub fn set(mut self, table: &str, column: &str, value: impl ToSql) -> Fill {
        self.options.given.push((table.to_owned(), column.to_owned(), Given::value(&value)));
        self
    }

    /// A value for a column that follows from the row. All columns without a closure are made before.
    pub fn set_with<V: ToSql>(mut self, table: &str, column: &str, value: impl Fn(&Row<'_>) -> V + 'static) -> Fill {
        let given = Given::With(Rc::new(move |row| options::owned(&value(row))));
        self.options.given.push((table.to_owned(), column.to_owned(), given));
        self
    }

    /// So many rows of a table, each from a value of your own type that [`fake`](https://docs.rs/fake) makes up. `row` says
    /// which columns it fills; the others are made as ever.
    ///
    /// ```
    /// use sqlitmus::{Template, data::Fill};
    ///
    /// // #[derive(fake::Dummy)] writes this.
    /// struct User {
    ///     name: String,
    /// }
    /// # impl fake::Dummy<fake::Faker> for User {
    /// #     fn dummy_with_rng<R: fake::RngExt + ?Sized>(config: &fake::Faker, rng: &mut R) -> User {
    /// #         User { name: fake::Fake::fake_with_rng(config, rng) }
    /// #     }
    /// # }
    ///
    /// let db = Template::embedded(&[("1.sql", "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL)")]).in_memory();
    /// Fill::seed(7).typed("users", 20, |user: User| vec![("name", user.name.into())]).insert(&db);
    /// ```
    #[cfg(feature = "data")]
    pub fn typed<T>(mut self, table: &str, rows: u64, row: impl Fn(T) -> Vec<(&'static str, Value)> + 'static) -> Fill
    where
        T: fake::Dummy<fake::Faker>,
    {
        let row = Rc::new(row);
        let names: Vec<&str> = row(options::typed(0)).into_iter().map(|(name, _)| name).collect();
        for (index, name) in names.into_iter().enumerate() {
            let row = Rc::clone(&row);
            self = self.set_with(table, name, move |of| row(options::typed(of.key)).swap_remove(index).1);
        }
        self.rows(table, rows)
    }

    /// How many in a hundred of the values that may be NULL are NULL; 20 unless said.
    pub fn null_rate(mut self, percent: u64) -> Fill {
        self.options.null_rate = percent.min(100);
        self
    }

    /// Gives some parents more children than others, by Zipf's law: with exponent 1.0 the first of 100 parents has a
    /// seventh of all children.
    pub fn skew(mut self, exponent: f64) -> Fill {
        self.options.skew = Some(exponent.max(0.0));
        self
    }

    /// Lets rows refer to parents that are there already. New ones are made only where there are none.
    pub fn reuse(mut self) -> Fill {
        self.options.reuse = true;
        self
    }

    /// A row that the test names, and whose key it gets by [`Filled::id`].
    pub fn label(mut self, table: &str, name: &str) -> Fill {
        self.wishes.labels.push((table.to_owned(), name.to_owned()));
        self
    }

    /// Values that apps trip over, wherever no constraint speaks against them: empty and very long texts, the ends of the
    /// range of integers, emoji, NUL, infinities.
    pub fn edge_cases(mut self) -> Fill {
        self.options.edge_cases = true;
        self
    }

    /// The language of names, places and texts.
    #[cfg(feature = "data")]
    pub fn locale(mut self, locale: crate::data::values::realistic::Locale) -> Fill {
        self.options.locale = locale;
        self
    }

    /// Makes the rows and inserts them, in a transaction of its own or within the one that is open.
    ///
    /// # Panics
    /// When a table cannot be filled. Then nothing is inserted.
    #[track_caller]
    pub fn insert(&self, connection: &Connection) -> Filled {
        or_panic(self.try_insert(connection))
    }

    /// Like [`insert`](Fill::insert), without the panic.
    ///
    /// # Errors
    /// When a table cannot be filled. Then nothing is inserted.
    pub fn try_insert(&self, connection: &Connection) -> Result<Filled> {
        self.insert_into(connection, &Schema::read(connection)?)
    }

    /// Like [`try_insert`](Fill::try_insert), where the schema has been read.
    pub(crate) fn insert_into(&self, connection: &Connection, schema: &Schema) -> Result<Filled> {
        let options = self.options()?;
        within(connection, true, || run(connection, schema, &self.wishes, &options, false).map(|(filled, _)| filled))
            .map_err(|error| with_seed(error, options.seed))
    }

    /// The rows as a script of INSERTs, which runs on another database of the same schema and with the same rows in it:
    /// an empty one, if this one is empty. Nothing is inserted here.
    ///
    /// # Errors
    /// When a table cannot be filled.
    pub fn to_sql(&self, connection: &Connection) -> Result<String> {
        let options = self.options()?;
        let schema = Schema::read(connection)?;
        let script = || run(connection, &schema, &self.wishes, &options, true).map(|(_, script)| script.to_sql());
        within(connection, false, script).map_err(|error| with_seed(error, options.seed))
    }

    /// As many of the rows as there is room for, as values. Nothing is inserted here, and the environment does not change
    /// the seed.
    pub(crate) fn drafted(&self, connection: &Connection, schema: &Schema) -> Result<(Filled, Script)> {
        let wishes = Wishes { modest: true, ..self.wishes.clone() };
        within(connection, false, || run(connection, schema, &wishes, &self.options, true))
            .map_err(|error| with_seed(error, self.options.seed))
    }

    fn options(&self) -> Result<Options> {
        let mut options = self.options.clone();
        if let Some(seed) = crate::env::settings()?.seed {
            options.seed = seed;
        }
        Ok(options)
    }
}

fn with_seed(error: Error, seed: u64) -> Error {
    error.note(again_with("SQLITMUS_SEED", format_args!("{seed:#x}")))
}

fn run(
    connection: &Connection,
    schema: &Schema,
    wishes: &Wishes,
    options: &Options,
    wanted: bool,
) -> Result<(Filled, Script)> {
    let schema = &*triggers::with_references(schema);
    let plans = request::plans(connection, schema, wishes, options)?;
    let _roomy = Roomy::of(connection, plans.iter().map(|plan| plan.count).sum())?;
    let mut filler =
        Filler { connection, schema, options, plans: &plans, states: Vec::new(), script: wanted.then(Vec::new) };
    let circles =
        plans.iter().enumerate().filter(|(at, plan)| plan.refers_to_later(*at)).map(|(_, plan)| plan.name.as_str());
    let circles: Vec<&str> = circles.collect();
    let deferred = match circles[..] {
        [] => None,
        _ => Some(Deferred::on(connection)?),
    };
    for at in 0..plans.len() {
        filler.fill(at)?;
    }
    for table in &circles {
        finish::check_references(connection, table)?;
    }
    drop(deferred);
    let after = finish::index_texts(schema, &plans);
    for sql in &after {
        connection.execute_batch(sql).map_err(|error| Error::sqlite("rebuild the full-text index", error).sql(sql))?;
    }
    let script = filler.script.take().map_or_else(Script::default, |rows| Script {
        tables: Arc::new(plans.iter().map(Plan::target).collect()),
        rows,
        deferred: !circles.is_empty(),
        after,
    });
    Ok((filled(&plans, filler.states, options.seed), script))
}

fn filled(plans: &[Plan], states: Vec<State>, seed: u64) -> Filled {
    let mut filled = Filled { seed, tables: Vec::new(), full: Vec::new(), labels: Vec::new() };
    for (plan, state) in plans.iter().zip(states) {
        filled.tables.push((plan.name.clone(), state.rows));
        if let Some(limit) = &plan.limit {
            filled.full.push((plan.name.clone(), limit.rows, limit.because.clone()));
        }
        filled.labels.extend(state.labels.into_iter().map(|(label, id)| (label, id.to_value())));
    }
    filled
}

/// Runs `work` so that all of it happens or nothing.
pub(crate) fn within<T>(connection: &Connection, keep: bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _own = crate::own::statements();
    let own = connection.is_autocommit();
    let run = |sql: &str| {
        connection
            .execute_batch(sql)
            .map_err(|error| Error::sqlite("begin or end the transaction of a fill", error).sql(sql))
    };
    run(if own { "BEGIN IMMEDIATE" } else { "SAVEPOINT sqlitmus_fill" })?;
    let result = work().and_then(|done| {
        if keep {
            run(if own { "COMMIT" } else { "RELEASE sqlitmus_fill" })?;
        }
        Ok(done)
    });
    if result.is_err() || !keep {
        // A trigger may have rolled back everything by itself.
        let _ = match (own, connection.is_autocommit()) {
            (_, true) => Ok(()),
            (true, false) => connection.execute_batch("ROLLBACK"),
            (false, false) => connection.execute_batch("ROLLBACK TO sqlitmus_fill; RELEASE sqlitmus_fill"),
        };
    }
    result
}

impl Filled {
    /// How many rows were inserted into a table; 0 for one that was not filled.
    pub fn rows(&self, table: &str) -> u64 {
        let found = self.tables.iter().find(|(name, _)| name.eq_ignore_ascii_case(table));
        found.map_or(0, |(_, rows)| *rows)
    }

    /// The tables that were filled, parents first, and how many rows each got.
    pub fn tables(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.tables.iter().map(|(name, rows)| (name.as_str(), *rows))
    }

    /// Tables that cannot hold as many rows as were asked for in general: their name, how many rows there was room for, and
    /// the constraint that says so.
    pub fn full(&self) -> impl ExactSizeIterator<Item = (&str, u64, &str)> {
        self.full.iter().map(|(name, rows, because)| (name.as_str(), *rows, because.as_str()))
    }

    /// The key of a row with a name: its PRIMARY KEY, or its rowid.
    ///
    /// # Panics
    /// When no row has this name.
    #[track_caller]
    pub fn id(&self, label: &str) -> Value {
        match self.labels.iter().find(|(name, _)| name == label) {
            Some((_, id)) => id.clone(),
            None => {
                let names: Vec<&str> = self.labels.iter().map(|(name, _)| name.as_str()).collect();
                panic!("no row is called {label}; there are {}", names.join(", "));
            }
        }
    }

    /// The seed that the rows were made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl TestDb {
    /// Inserts so many rows that the schema accepts, and parents for them. See [`data`](crate::data).
    ///
    /// # Panics
    /// When the table cannot be filled. Then nothing is inserted.
    #[track_caller]
    pub fn fill(&self, table: &str, rows: u64) -> Filled {
        or_panic(self.try_fill(table, rows))
    }

    /// Like [`fill`](TestDb::fill), without the panic.
    ///
    /// # Errors
    /// When the table cannot be filled. Then nothing is inserted.
    pub fn try_fill(&self, table: &str, rows: u64) -> Result<Filled> {
        Fill::new().rows(table, rows).try_insert(self)
    }
}
