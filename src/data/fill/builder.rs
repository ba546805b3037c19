//! `Fill`: a request, built step by step; and `Filled`: its report.

use std::ops::RangeInclusive;
use std::rc::Rc;

use rusqlite::types::{FromSql, Value, ValueRef};
use rusqlite::{Connection, ToSql};

use crate::data::fill::context::FillContext;
use crate::data::fill::insert::insert_tables;
use crate::data::fill::options::{self, FillOptions, Given, Parents, Row};
use crate::data::fill::plan::planner::{full, plan_tables};
use crate::data::fill::plan::table_plan::{Limit, TablePlan};
use crate::data::fill::request::{FillRequest, RowsForEach, TableRequest, TableRequests, tables};
use crate::data::fill::row_values::FilledTable;
use crate::data::fill::shared_keys;
use crate::data::fill::trigger_keys;
use crate::data::relations;
use crate::data::script::{Script, within};
use crate::db::{TestDb, again_with};
use crate::error::{Error, Result, or_panic};
use crate::schema::Schema;
use crate::sql::same_name;

/// A request for rows. Nothing happens before [`insert`](Fill::insert).
///
/// Parents are made as needed: by default rows refer to parents of the same fill, and tables that are not named get as many
/// rows as their children need.
///
/// ```
/// use sqlitmus::{Template, data::Fill};
///
/// static APP: Template = Template::embedded(&[(
///     "1.sql",
///     "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
///      CREATE TABLE orders(user_id INTEGER NOT NULL REFERENCES users);",
/// )]);
///
/// let db = APP.in_memory();
/// let filled = Fill::seed(7).rows("orders", 100).insert(&db);
/// assert_eq!(filled.rows("orders"), 100);
/// assert!(filled.rows("users") > 0);
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is inserted before `.insert(&db)`"]
pub struct Fill {
    request: FillRequest,
    options: FillOptions,
}

impl Default for Fill {
    fn default() -> Fill {
        Fill::new()
    }
}

impl Fill {
    /// Creates a fill with seed 0.
    pub fn new() -> Fill {
        Fill::seed(0)
    }

    /// Creates a fill with this seed. Other seeds give other rows. `SQLITMUS_SEED` overrides it.
    pub fn seed(seed: u64) -> Fill {
        Fill { request: FillRequest::default(), options: FillOptions { seed, null_rate: 20, ..FillOptions::default() } }
    }

    /// Inserts `rows` rows into a table. The fill fails if the table has no room for all of them.
    pub fn rows(mut self, table: &str, rows: u64) -> Fill {
        self.request.rows.push((table.to_owned(), rows));
        self
    }

    /// Inserts `rows` rows into every ordinary table, or as many as it can hold. Ledgers of migration runners get none.
    pub fn every_table(mut self, rows: u64) -> Fill {
        self.request.every = Some(rows);
        self
    }

    /// Makes rows of `child` for each row of `parent`. Their number is drawn from `range`. The parents are those of this fill,
    /// or the existing ones if it makes none.
    pub fn each(mut self, parent: &str, child: &str, range: RangeInclusive<u64>) -> Fill {
        let (low, high) = range.into_inner();
        self.request.each.push(RowsForEach { parent: parent.to_owned(), child: child.to_owned(), low, high });
        self
    }

    /// Sets a column to this value in all rows of this fill.
    pub fn set(mut self, table: &str, column: &str, value: impl ToSql) -> Fill {
        self.options.given.push((table.to_owned(), column.to_owned(), Given::value(&value)));
        self
    }

    /// Sets a column to the value that a closure returns for the row. All columns without a closure are made first.
    pub fn set_with<V: ToSql>(mut self, table: &str, column: &str, value: impl Fn(&Row<'_>) -> V + 'static) -> Fill {
        let given = Given::With(Rc::new(move |row| options::owned(&value(row))));
        self.options.given.push((table.to_owned(), column.to_owned(), given));
        self
    }

    /// Inserts `rows` rows into a table, each from a value of your own type that [`fake`](https://docs.rs/fake) makes up.
    /// `row` returns the columns that it fills; the other columns are made as usual.
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
    /// static APP: Template = Template::embedded(&[(
    ///     "1.sql",
    ///     "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    /// )]);
    ///
    /// let row = |user: User| vec![("name", user.name.into())];
    /// Fill::seed(7).typed("users", 20, row).insert(&APP.in_memory());
    /// ```
    pub fn typed<T>(
        mut self,
        table: &str,
        rows: u64,
        row: impl Fn(T) -> Vec<(&'static str, rusqlite::types::Value)> + 'static,
    ) -> Fill
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

    /// Percentage of nullable values set to NULL. Default 20.
    pub fn null_rate(mut self, percent: u64) -> Fill {
        self.options.null_rate = percent.min(100);
        self
    }

    /// Gives some parents more children than others, by Zipf's law. With an exponent of 1.0, the first of 100 parents has
    /// a seventh of all children.
    pub fn skew(mut self, exponent: f64) -> Fill {
        self.options.skew = Some(exponent.max(0.0));
        self
    }

    /// Makes new parents for the rows. By default they refer to the rows that are there, and new parents are made where there
    /// are none, or too few for the constraints.
    pub fn new_parents(mut self) -> Fill {
        self.options.parents = Parents::New;
        self
    }

    /// Makes no new parents where there are some.
    pub(crate) fn existing_parents(mut self) -> Fill {
        self.options.parents = Parents::Existing;
        self
    }

    /// Gives a row of a table a label, by which [`Filled::id`] finds its key: the first label to the first row, and so on. A
    /// table that is not filled otherwise gets a row for each label.
    pub fn label(mut self, table: &str, name: &str) -> Fill {
        self.request.labels.push((table.to_owned(), name.to_owned()));
        self
    }

    /// Sets a column of the row with a label.
    ///
    /// ```
    /// use sqlitmus::{Template, data::Fill};
    ///
    /// static APP: Template = Template::embedded(&[(
    ///     "1.sql",
    ///     "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE)",
    /// )]);
    ///
    /// let db = APP.in_memory();
    /// let filled = Fill::seed(7)
    ///     .rows("users", 3)
    ///     .label("users", "ada")
    ///     .set_on("ada", "email", "ada@example.com")
    ///     .insert(&db);
    ///
    /// let ada: i64 = filled.id("ada");
    /// let sql = "SELECT id FROM users WHERE email = 'ada@example.com'";
    /// assert_eq!(db.query_row(sql, [], |row| row.get(0)), Ok(ada));
    /// assert_eq!(filled.rows("users"), 3);
    /// ```
    pub fn set_on(mut self, label: &str, column: &str, value: impl ToSql) -> Fill {
        self.options.on_labels.push((label.to_owned(), column.to_owned(), Given::value(&value)));
        self
    }

    /// Adds edge cases wherever no constraint forbids them: empty and very long texts, the smallest and the
    /// greatest integers, emoji, NUL, infinities. Columns of dates and times get none but dates.
    pub fn edge_cases(mut self) -> Fill {
        self.options.edge_cases = true;
        self
    }

    /// Sets the language of names, places and texts.
    pub fn locale(mut self, locale: crate::data::values::realistic::Locale) -> Fill {
        self.options.locale = locale;
        self
    }

    /// Makes the rows and inserts them in a new transaction, or in a savepoint of the open one.
    ///
    /// # Panics
    /// If a table cannot be filled. Then nothing is inserted.
    #[track_caller]
    pub fn insert(&self, connection: &Connection) -> Filled {
        or_panic(self.try_insert(connection))
    }

    /// Like [`try_insert`](Fill::try_insert), with a schema that was read before.
    pub(crate) fn insert_into(&self, connection: &Connection, schema: &Schema) -> Result<Filled> {
        let options = self.options()?;
        let insert = |options: &FillOptions| {
            let insert = || run(connection, schema, &self.request, options, false).map(|(filled, _)| filled);
            within(connection, true, insert)
        };
        with_enough_parents(options, insert)
    }

    /// Returns the rows as a script of INSERTs for another database with the same schema and the same rows as this one.
    /// Nothing is inserted here.
    ///
    /// # Errors
    /// If a table cannot be filled.
    pub fn to_sql(&self, connection: &Connection) -> Result<String> {
        let options = self.options()?;
        let schema = Schema::read(connection)?;
        with_enough_parents(options, |options| {
            let script = || run(connection, &schema, &self.request, options, true).map(|(_, script)| script.to_sql());
            within(connection, false, script)
        })
    }

    /// Returns as many of the rows as the tables can hold. Nothing is inserted here, and `SQLITMUS_SEED` does not apply.
    pub(crate) fn drafted(&self, connection: &Connection, schema: &Schema) -> Result<(Filled, Script)> {
        let request = FillRequest { may_be_fewer: true, ..self.request.clone() };
        let parents = match self.options.parents {
            Parents::ExistingFirst => Parents::New,
            parents => parents,
        };
        let options = FillOptions { parents, ..self.options.clone() };
        within(connection, false, || run(connection, schema, &request, &options, true))
    }

    fn options(&self) -> Result<FillOptions> {
        let mut options = self.options.clone();
        if let Some(seed) = crate::env::settings()?.seed {
            options.seed = seed;
        }
        Ok(options)
    }
}

/// The same without panics: each returns its failure as an [`Error`](crate::Error).
impl Fill {
    /// Like [`insert`](Fill::insert), without the panic.
    ///
    /// # Errors
    /// If a table cannot be filled. Then nothing is inserted.
    pub fn try_insert(&self, connection: &Connection) -> Result<Filled> {
        let request = FillRequest { needs_all_given: true, ..self.request.clone() };
        Fill { request, options: self.options.clone() }.insert_into(connection, &Schema::read(connection)?)
    }
}

/// Fills with existing parents, and if that fails with new ones: there may be too few, or none that agree.
fn with_enough_parents<T>(options: FillOptions, fill: impl Fn(&FillOptions) -> Result<T>) -> Result<T> {
    match fill(&options) {
        Err(_) if options.parents == Parents::ExistingFirst && options.took_existing.get() => {
            fill(&FillOptions { parents: Parents::New, ..options })
        }
        filled => filled,
    }
}

/// Fills the tables of a request, phase by phase.
fn run(
    connection: &Connection,
    schema: &Schema,
    request: &FillRequest,
    options: &FillOptions,
    wants_script: bool,
) -> Result<(Filled, Script)> {
    let schema = trigger_keys::with_references(schema);
    let mut context = FillContext { connection, schema: &schema, relations: relations::of_schema(&schema), options };
    let mut requests = tables(&context, request)?;
    let is_filled = |table: usize| requests[table].is_some();
    let shared = shared_keys::with_references(&schema, &context.relations, &is_filled);
    if let Some(schema) = &shared {
        context = FillContext { schema, relations: relations::of_schema(schema), ..context };
    }
    let mut round = 0;
    loop {
        let mut growing = Vec::new();
        let filled = within(connection, true, || {
            let plans = plan_tables(&context, requests.clone())?;
            let (mut filled, script) = insert_tables(&context, &plans, wants_script)?;
            for (plan, table) in plans.iter().zip(&mut filled) {
                let Some(limit) = table.limit(plan, &plans) else { continue };
                growing = growable(&requests, &limit);
                if !growing.is_empty() && round < GROWTHS || plan.is_exact || limit.rows == 0 {
                    return Err(table.failure.take().unwrap_or_else(|| full(&plan.name, plan.wanted, &limit)));
                }
            }
            Ok((Filled::of(&plans, filled, options.seed), script))
        });
        match filled {
            Err(_) if !growing.is_empty() && round < GROWTHS => {
                growing.into_iter().for_each(|table| requests[table].iter_mut().for_each(|request| request.rows *= 4));
            }
            // What the request itself has wrong is wrong with every seed.
            filled => return filled.map_err(|error| with_seed(error, options.seed)),
        }
        round += 1;
    }
}

/// The number of times that tables get more rows because those that refer to them found too few that agree.
const GROWTHS: u32 = 2;

/// Returns those of the limiting tables that are made for their children only, or whose number of rows need not be exact if
/// there is no row otherwise.
fn growable(requests: &TableRequests, limit: &Limit) -> Vec<usize> {
    let is_growable = |request: &TableRequest| {
        let is_free = if limit.rows == 0 { !request.is_exact } else { !request.is_given };
        is_free && request.per_parent.is_none()
    };
    let places = 0..requests.len();
    places.filter(|at| limit.parents.contains(at) && requests[*at].as_ref().is_some_and(is_growable)).collect()
}

fn with_seed(error: Error, seed: u64) -> Error {
    match error.is_with_any_seed() {
        true => error,
        false => error.note(again_with("SQLITMUS_SEED", format_args!("{seed:#x}"))),
    }
}

impl TestDb {
    /// Inserts `rows` rows that the schema accepts, and the parents that they need. See [`data`](crate::data).
    ///
    /// # Panics
    /// If the table cannot be filled. Then nothing is inserted.
    #[track_caller]
    pub fn fill(&self, table: &str, rows: u64) -> Filled {
        or_panic(self.try_fill(table, rows))
    }

    /// Like [`fill`](TestDb::fill), without the panic.
    ///
    /// # Errors
    /// If the table cannot be filled. Then nothing is inserted.
    pub fn try_fill(&self, table: &str, rows: u64) -> Result<Filled> {
        Fill::new().rows(table, rows).try_insert(self)
    }
}

/// The rows that a fill has inserted.
#[derive(Clone, Debug)]
pub struct Filled {
    seed: u64,
    tables: Vec<(String, u64)>,
    full: Vec<(String, u64, String)>,
    labels: Vec<(String, Value)>,
}

impl Filled {
    pub(super) fn of(plans: &[TablePlan], tables: Vec<FilledTable>, seed: u64) -> Filled {
        let mut filled = Filled { seed, tables: Vec::new(), full: Vec::new(), labels: Vec::new() };
        for (plan, table) in plans.iter().zip(tables) {
            filled.tables.push((plan.name.to_string(), table.rows));
            if let Some(limit) = table.limit(plan, plans).or_else(|| plan.limit.clone()) {
                filled.full.push((plan.name.to_string(), limit.rows, limit.because));
            }
            filled.labels.extend(table.labels.into_iter().map(|(label, id)| (label, id.to_value())));
        }
        filled
    }

    /// Returns the number of rows inserted into a table; 0 for one that was not filled.
    pub fn rows(&self, table: &str) -> u64 {
        let found = self.tables.iter().find(|(name, _)| same_name(name, table));
        found.map_or(0, |(_, rows)| *rows)
    }

    /// Returns the tables that were filled, parents first, each with its number of inserted rows.
    pub fn tables(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.tables.iter().map(|(name, rows)| (name.as_str(), *rows))
    }

    /// Returns the tables with a limited number of rows: their name, the number of rows for which there was room, and the
    /// constraint that limits them.
    pub fn full(&self) -> impl ExactSizeIterator<Item = (&str, u64, &str)> {
        self.full.iter().map(|(name, rows, because)| (name.as_str(), *rows, because.as_str()))
    }

    /// Returns the key of a row with a label: its PRIMARY KEY, or its rowid. `let ada: i64 = filled.id("ada");`
    ///
    /// # Panics
    /// If no row has this label, or if its key is no such value.
    #[track_caller]
    pub fn id<T: FromSql>(&self, label: &str) -> T {
        let id = self.key(label);
        match T::column_result(ValueRef::from(id)) {
            Ok(id) => id,
            Err(_) => panic!("the key of {label} is {id:?}, which is no {}", std::any::type_name::<T>()),
        }
    }

    #[track_caller]
    fn key(&self, label: &str) -> &Value {
        match self.labels.iter().find(|(name, _)| name == label) {
            Some((_, id)) => id,
            None => {
                let names: Vec<&str> = self.labels.iter().map(|(name, _)| name.as_str()).collect();
                panic!("no row has the label {label}; the labels are {}", names.join(", "));
            }
        }
    }

    /// Returns the seed of the rows.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}
