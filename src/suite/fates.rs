//! Which table and which column has which name after a migration, as far as its statements say.

use std::collections::BTreeMap;

use super::statement_effects::{Effect, StatementEffect};

/// What became of the names of tables and columns.
pub(super) struct Fates {
    tables: Vec<Fate>,
}

struct Fate {
    /// The name before the migration; none for what it makes.
    origin: Option<String>,
    name: String,
    gone: bool,
    /// Columns by their old names in small letters, and their names at this moment.
    columns: BTreeMap<String, String>,
    assigned: Vec<Assigned>,
}

struct Assigned {
    column: String,
    reads_itself: bool,
    all_rows: bool,
}

impl Fates {
    /// Follows the renames.
    pub(super) fn of<'a>(tables: impl IntoIterator<Item = &'a str>, effects: &[StatementEffect]) -> Fates {
        let fate = |origin: Option<&str>, name: &str| Fate {
            origin: origin.map(str::to_owned),
            name: name.to_owned(),
            gone: false,
            columns: BTreeMap::new(),
            assigned: Vec::new(),
        };
        let mut fates = Fates { tables: tables.into_iter().map(|name| fate(Some(name), name)).collect() };
        for effect in effects {
            match &effect.effect {
                Effect::CreateTable { table } if fates.at(table).is_none() => fates.tables.push(fate(None, table)),
                Effect::DropTable { table } => {
                    if let Some(fate) = fates.at(table) {
                        fate.gone = true;
                    }
                }
                Effect::RenameTable { table, to } => {
                    if let Some(fate) = fates.at(table) {
                        fate.name.clone_from(to);
                    }
                }
                Effect::RenameColumn { table, column, to } => {
                    if let Some(fate) = fates.at(table) {
                        let small = column.to_ascii_lowercase();
                        match fate.columns.values_mut().find(|name| name.eq_ignore_ascii_case(column)) {
                            Some(name) => name.clone_from(to),
                            None => drop(fate.columns.insert(small, to.clone())),
                        }
                    }
                }
                Effect::Update { table, column, reads_itself, all_rows } => {
                    if let Some(fate) = fates.at(table) {
                        let assigned =
                            Assigned { column: column.clone(), reads_itself: *reads_itself, all_rows: *all_rows };
                        fate.assigned.push(assigned);
                    }
                }
                _ => {}
            }
        }
        fates
    }

    fn at(&mut self, name: &str) -> Option<&mut Fate> {
        self.tables.iter_mut().find(|fate| !fate.gone && fate.name.eq_ignore_ascii_case(name))
    }

    fn of_table(&self, origin: &str) -> Option<&Fate> {
        self.tables.iter().find(|fate| fate.origin.as_deref() == Some(origin))
    }

    /// The name of a table after the migration, and whether another table took its place.
    pub(super) fn name_of(&self, origin: &str) -> Option<(&str, bool)> {
        match self.of_table(origin) {
            Some(fate) if !fate.gone => Some((&fate.name, false)),
            _ => self.made_anew(origin).map(|fate| (fate.name.as_str(), true)),
        }
    }

    fn made_anew(&self, origin: &str) -> Option<&Fate> {
        let made = |fate: &&Fate| fate.origin.is_none() && !fate.gone && fate.name.eq_ignore_ascii_case(origin);
        self.tables.iter().find(made)
    }

    /// Whether the table is gone and another one has its name.
    pub(super) fn is_made_anew(&self, origin: &str) -> bool {
        self.of_table(origin).is_some_and(|fate| fate.gone) && self.made_anew(origin).is_some()
    }

    /// The name of a column after the migration, as far as statements rename it.
    pub(super) fn column_of<'a>(&'a self, origin: &str, column: &'a str) -> &'a str {
        let renamed = self.of_table(origin).and_then(|fate| fate.columns.get(&column.to_ascii_lowercase()));
        renamed.map_or(column, String::as_str)
    }

    /// Whether an UPDATE puts other values in place of some of the column's, by the name that it has after the migration.
    pub(super) fn is_replaced(&self, table: &str, column: &str) -> bool {
        let assigned =
            self.tables.iter().filter(|fate| fate.name.eq_ignore_ascii_case(table)).flat_map(|fate| &fate.assigned);
        let mut of_column = assigned.filter(|assigned| assigned.column.eq_ignore_ascii_case(column)).peekable();
        of_column.peek().is_some() && of_column.all(|assigned| !assigned.reads_itself && !assigned.all_rows)
    }
}
