//! The tables of a database, followed through the statements of a migration, and the values that these replace on purpose.

use super::effects::{Assignment, Effect, Purpose, StatementEffect};
use super::named_values::NamedValues;
use crate::check::Cell;
use crate::order::{SortedMap, SortedSet};
use crate::schema::{Schema, Table};
use crate::sql::Name;

/// The tables of a database, followed through the renames of a migration.
pub(crate) struct Renames {
    tables: Vec<TrackedTable>,
    /// The columns and values by which statements choose rows.
    chosen: Vec<(Vec<Name>, NamedValues)>,
    /// The columns that statements pass to a function that may cut a value.
    cut: SortedSet<Name>,
    /// The columns that statements take as they are.
    whole: SortedSet<Name>,
    /// The tables that statements insert rows into, by their names at that moment.
    filled: SortedSet<Name>,
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
    columns: SortedMap<Name, Name>,
    assignments: Vec<Assignment>,
    /// The values that its copies name.
    mapped: NamedValues,
}

impl TrackedTable {
    fn new(origin: Option<&str>, name: &str) -> TrackedTable {
        TrackedTable {
            origin: origin.map(Name::from),
            name: Name::from(name),
            is_dropped: false,
            columns: SortedMap::new(),
            assignments: Vec::new(),
            mapped: NamedValues::default(),
        }
    }

    fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::DropTable(_) => self.is_dropped = true,
            Effect::RenameTable { to, .. } => self.name.clone_from(to),
            Effect::RenameColumn { column, to, .. } => {
                let first = self.columns.iter().find(|(_, name)| *name == column).map(|(first, _)| first);
                self.columns.insert(first.unwrap_or(column).clone(), to.clone());
            }
            Effect::Update(assignment) => self.assignments.push(assignment.clone()),
            Effect::Map { named, .. } => self.mapped.add(named),
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
        let (cut, whole, filled) = (SortedSet::new(), SortedSet::new(), SortedSet::new());
        let mut renames = Renames { tables, chosen: Vec::new(), cut, whole, filled };
        for StatementEffect { effect, .. } in effects {
            let table = match effect {
                Effect::CreateTable(table)
                | Effect::DropTable(table)
                | Effect::RenameTable { table, .. }
                | Effect::RenameColumn { table, .. }
                | Effect::Map { table, .. }
                | Effect::Update(Assignment { table, .. }) => table,
                Effect::Choose { columns, named } => {
                    renames.chosen.push((columns.clone(), named.clone()));
                    continue;
                }
                Effect::Insert(table) => {
                    renames.filled.insert(table.clone());
                    continue;
                }
                Effect::Read { cut, whole } => {
                    renames.cut.extend(cut.iter().cloned());
                    renames.whole.extend(whole.iter().cloned());
                    continue;
                }
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

    /// Returns true if another table of before the migration has this name after it.
    pub(crate) fn is_name_of_another(&self, name: &Name) -> bool {
        self.tables.iter().any(|table| {
            !table.is_dropped && table.name == *name && table.origin.as_ref().is_some_and(|origin| origin != name)
        })
    }

    /// Returns the name of a column after the migration, as far as statements rename it.
    pub(crate) fn column_after<'a>(&'a self, origin: &str, column: &'a Name) -> &'a Name {
        self.tracked(origin).and_then(|table| table.columns.get(column)).unwrap_or(column)
    }

    /// Returns true if statements replace this value of the column on purpose. The column has its name after the migration.
    pub(crate) fn is_replaced(&self, table: &str, column: &str, value: &Cell) -> bool {
        let is_meant = || {
            self.assignments(table, column).any(|assignment| assignment.purpose == Purpose::State)
                && self.assignments(table, column).all(|assignment| assignment.purpose != Purpose::None)
        };
        self.is_named(table, column, value) || is_meant()
    }

    /// Returns true if statements that replace values of the column name this one. The column has its name after the migration.
    pub(crate) fn is_named(&self, table: &str, column: &str, value: &Cell) -> bool {
        self.assignments(table, column).any(|assignment| assignment.named.contain(value))
            || self.tables.iter().any(|tracked| tracked.name == table && tracked.mapped.contain(value))
    }

    /// Returns true if UPDATEs put other values in place of some of the column's, and none computed from them.
    pub(crate) fn is_mended(&self, table: &str, column: &str) -> bool {
        let mut of_column = self.assignments(table, column).peekable();
        of_column.peek().is_some() && of_column.all(|assignment| !assignment.reads_itself && !assignment.all_rows)
    }

    /// Returns true if UPDATEs set a column to another one in all rows. Both have their names after the migration.
    pub(crate) fn is_assigned_from(&self, table: &str, column: &str, source: &Name) -> bool {
        self.assignments(table, column).any(|it| it.all_rows && it.copied.as_ref() == Some(source))
    }

    /// Returns what is assigned to a column, by the names after the migration. A table that was dropped counts, too.
    fn assignments<'s>(&'s self, table: &'s str, column: &'s str) -> impl Iterator<Item = &'s Assignment> {
        let of_table = self.tables.iter().filter(move |tracked| tracked.name == table);
        of_table.flat_map(|tracked| &tracked.assignments).filter(move |assignment| assignment.column == column)
    }

    /// Returns true if statements write something into the table for each of these values of a column, by name.
    pub(crate) fn is_mapped<'v>(
        &self,
        table: &str,
        column: &Name,
        values: impl Iterator<Item = &'v Cell> + Clone,
    ) -> bool {
        self.tables.iter().filter(|tracked| tracked.name == table).any(|tracked| {
            let assignments = tracked.assignments.iter().filter(|assignment| assignment.sources.contains(column));
            let mut named = assignments.map(|assignment| &assignment.named).chain([&tracked.mapped]);
            named.any(|named| values.clone().all(|value| named.contain(value)))
        })
    }

    /// Returns true if statements write the column: an UPDATE, or the copy of a rebuild.
    pub(crate) fn is_written(&self, origin: &str, column: &Name) -> bool {
        let is_assigned =
            |table: &TrackedTable| table.assignments.iter().any(|assignment| assignment.column == *column);
        self.tracked(origin).is_some_and(|table| table.is_dropped || is_assigned(table))
    }

    /// Returns true if a statement inserts rows into a table of this name.
    pub(crate) fn is_filled(&self, table: &Name) -> bool {
        self.filled.contains(table)
    }

    /// Returns true if functions may have cut the values of the column, and no statement takes them as they are.
    pub(crate) fn is_cut(&self, column: &Name) -> bool {
        self.cut.contains(column) && !self.whole.contains(column)
    }

    /// Returns true if a statement chooses the rows that it copies or deletes by this value of a column.
    pub(crate) fn is_chosen_by(&self, column: &Name, value: &Cell) -> bool {
        self.chosen.iter().any(|(columns, named)| columns.contains(column) && named.contain(value))
    }
}
