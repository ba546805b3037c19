//! Names of tables and columns after a migration, as far as its statements say.

use std::collections::BTreeMap;

use super::effects::{Assignment, Effect, StatementEffect};
use crate::schema::{Schema, Table};
use crate::sql::Name;

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
