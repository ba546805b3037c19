//! Looks for a row that breaks one constraint and no other: an acceptable row, with as few columns changed as possible.

use super::constraint::{Constraint, ConstraintKind};
use super::neighbors::{ParentKeys, near, strangers, taking_over, with_near};
use super::scratch_table::{Outcome, ScratchTable};
use crate::data::constraints::candidates::candidates;
use crate::data::constraints::conditions;
use crate::data::constraints::group::satisfy;
use crate::data::script::Target;
use crate::data::values::choose;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, named};
use crate::order::Order as _;
use crate::schema::Table;
use crate::sql::{quote_identifier, same_name};

/// The number of rows that are tried for one constraint.
pub(super) const ATTEMPTS: usize = 3_000;

/// The number of rows that are tried for each way to break a CHECK.
const SAMPLES: usize = 4;

/// From this number of columns on, a condition hardly compares one with each other.
const MANY: usize = 6;

/// The facts about a table on which rows are tried.
#[derive(Clone, Copy)]
pub(super) struct SearchInput<'s> {
    pub(super) table: &'s Table,
    pub(super) target: &'s Target,
    pub(super) constraints: &'s [Constraint],
    /// A row that can be inserted, and perhaps a second one.
    pub(super) base: &'s [Vec<ValueBuf>],
    /// Existing rows, without generated columns.
    pub(super) existing: &'s [Vec<ValueBuf>],
    /// The keys of parents, for each foreign key.
    pub(super) parents: &'s [ParentKeys],
}

/// A row that breaks a constraint.
#[derive(Clone, Debug)]
pub(super) struct BreakingRow {
    pub(super) values: Vec<ValueBuf>,
    /// The rows that have to be inserted before it.
    pub(super) before: Vec<Vec<ValueBuf>>,
    /// Other constraints that it breaks, by their place.
    pub(super) also: Vec<usize>,
    /// False if SQLite cannot compute its generated columns.
    pub(super) is_computed: bool,
}

impl BreakingRow {
    pub(super) fn alone(values: Vec<ValueBuf>) -> BreakingRow {
        BreakingRow { values, before: Vec::new(), also: Vec::new(), is_computed: true }
    }

    /// Returns the statements that insert it and the rows before it.
    pub(super) fn inserts(&self, target: &Target) -> Vec<String> {
        self.before.iter().chain([&self.values]).map(|row| target.insert_of(row)).collect()
    }
}

impl SearchInput<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.target.columns.iter().position(|column| same_name(column, name))
    }

    pub(super) fn places(&self, names: &[String]) -> Vec<usize> {
        names.iter().filter_map(|name| self.place(name)).collect()
    }

    /// Returns the row that can be inserted, with other values.
    pub(super) fn with(&self, changes: &[(usize, &ValueBuf)]) -> Vec<ValueBuf> {
        let mut row = self.base[0].clone();
        for (column, value) in changes {
            row[*column].clone_from(value);
        }
        row
    }

    /// Returns the columns of all other keys that are not in this one.
    pub(super) fn of_other_keys(&self, constraint: usize, columns: &[usize]) -> Vec<usize> {
        let others = self.constraints.iter().enumerate().filter(|(at, _)| *at != constraint);
        let keys = others.filter(|(_, other)| matches!(other.kind, ConstraintKind::Key { .. }));
        let places = keys.flat_map(|(_, other)| self.places(&other.columns));
        places.filter(|place| !columns.contains(place)).collect()
    }

    /// Returns rows with the key of another one: with nothing else of it, with all but other keys, with all.
    pub(super) fn copies(&self, columns: &[usize], others: &[usize], row: &[ValueBuf]) -> [Vec<ValueBuf>; 3] {
        let own: Vec<(usize, &ValueBuf)> = columns.iter().map(|column| (*column, &row[*column])).collect();
        // One of two columns of which only one may have a value.
        let is_copied = |column: &usize| !others.contains(column) || row[*column].kind() == ValueKind::Null;
        let most = (0..row.len()).filter(is_copied).map(|column| (column, &row[column]));
        [self.with(&own), self.with(&most.collect::<Vec<_>>()), row.to_vec()]
    }
}

/// The search for a row that breaks one constraint.
pub(super) struct Search<'s, 't, 'c> {
    pub(super) input: SearchInput<'s>,
    pub(super) scratch: &'t mut ScratchTable<'c>,
    /// The place of the constraint.
    pub(super) at: usize,
    pub(super) constraint: &'s Constraint,
    /// The best row so far.
    pub(super) found: Option<BreakingRow>,
    /// A row that SQLite refuses for another reason.
    pub(super) implied: Option<BreakingRow>,
    /// The number of rows that were tried.
    tried: usize,
}

impl<'s, 't, 'c> Search<'s, 't, 'c> {
    pub(super) fn new(
        input: SearchInput<'s>,
        scratch: &'t mut ScratchTable<'c>,
        constraint: usize,
    ) -> Search<'s, 't, 'c> {
        let of = &input.constraints[constraint];
        Search { input, scratch, at: constraint, constraint: of, found: None, implied: None, tried: 0 }
    }

    /// Returns the row that breaks the constraint, and as few others as possible. It may be one that another constraint
    /// refuses.
    pub(super) fn row(mut self) -> Option<BreakingRow> {
        let (input, constraint) = (self.input, self.constraint);
        let columns = input.places(&constraint.columns);
        if let ConstraintKind::Key { partial, .. } = &constraint.kind {
            self.keys(&columns, partial.as_deref());
        } else {
            // A row may be of a kind for which the constraint asks nothing. One of the others is of another kind.
            for base in input.base {
                if !self.is_alone() {
                    self.change_one(&SearchInput { base: std::slice::from_ref(base), ..input }, &columns);
                }
            }
            if !self.is_alone() {
                self.tried = 0;
                self.change_several(&columns);
            }
        }
        if !matches!(constraint.kind, ConstraintKind::Check(_) | ConstraintKind::Type) {
            self.mend(&columns);
        }
        self.found.or(self.implied)
    }

    /// Returns the first of these rows that the constraint refuses.
    pub(super) fn first_of(mut self, rows: &[Vec<ValueBuf>]) -> Option<BreakingRow> {
        rows.iter().any(|row| self.offer(row));
        self.found
    }

    /// Returns true if a row was found that breaks nothing else.
    fn is_alone(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.also.is_empty())
    }

    /// Tries other values in one of the columns.
    fn change_one(&mut self, input: &SearchInput<'_>, columns: &[usize]) {
        let pools = match &self.constraint.kind {
            ConstraintKind::NotNull => vec![vec![ValueBuf::default()]; columns.len()],
            ConstraintKind::Type => columns.iter().map(|column| strangers(&input.base[0][*column])).collect(),
            _ => self.pools(input, columns),
        };
        self.single_values(input, columns, &pools);
    }

    /// Tries other values in several columns.
    fn change_several(&mut self, columns: &[usize]) {
        let input = self.input;
        match &self.constraint.kind {
            ConstraintKind::NotNull => self.null(columns),
            ConstraintKind::Check(text) => self.check(columns, text),
            ConstraintKind::Foreign { .. } => {
                let is_null = self.constraint.columns.iter().map(|name| format!("{} IS NULL", quote_identifier(name)));
                let text = self.with_other_checks(is_null.collect::<Vec<_>>().join(" OR "));
                if !input.base.iter().any(|base| self.understood(&text, base)) {
                    self.several_values(&input, columns, &self.pools(&input, columns));
                }
            }
            _ => self.several_values(&input, columns, &self.pools(&input, columns)),
        }
    }

    /// Returns values for each of the columns: NULL, those that a CHECK on it names, those of other rows.
    fn pools(&self, input: &SearchInput<'_>, columns: &[usize]) -> Vec<Vec<ValueBuf>> {
        let base = &input.base[0];
        let own = match &self.constraint.kind {
            ConstraintKind::Check(text) => Some(&**text),
            _ => None,
        };
        let of_others = input.constraints.iter().enumerate().filter_map(|(at, other)| match &other.kind {
            ConstraintKind::Check(text) if at != self.at => Some((text, input.places(&other.columns))),
            _ => None,
        });
        let of_others: Vec<(&String, Vec<usize>)> = of_others.collect();
        let of_column = |column: &usize| {
            // Some conditions compare columns: the values of the others come first.
            let others = columns.iter().filter(|other| *other != column && own.is_some() && columns.len() < MANY);
            let mut found: Vec<ValueBuf> = others.map(|other| base[*other].clone()).collect();
            let related = of_others.iter().filter(|(_, places)| places.contains(column)).map(|(text, _)| &***text);
            let texts: Vec<&str> = own.into_iter().chain(related).collect();
            found.push(ValueBuf::default());
            found.extend(with_near(&base[*column], &candidates(&texts, named(0, &self.constraint.shown))));
            found.extend(input.base[1..].iter().map(|row| row[*column].clone()));
            found
        };
        columns.iter().map(of_column).collect()
    }

    /// Tries a row. Returns true if no better one is needed.
    pub(super) fn offer(&mut self, values: &[ValueBuf]) -> bool {
        self.tried += 1;
        if !self.scratch.put(values) {
            self.before_generated(values);
            return false;
        }
        if !self.scratch.breaks(self.at) {
            return false;
        }
        let also = self.scratch.breaks_also(self.at);
        if self.found.as_ref().is_some_and(|found| found.also.len() <= also.len()) {
            return false;
        }
        let is_alone = also.is_empty();
        let row = BreakingRow { also, ..BreakingRow::alone(values.to_vec()) };
        // A rowid that is NULL gets a number before it is checked.
        let is_null =
            |(name, value): (&String, &ValueBuf)| value.kind() == ValueKind::Null && self.input.table.is_rowid(name);
        if self.input.target.columns.iter().zip(values).any(is_null) {
            return false;
        }
        // A row may break a constraint that SQLite checks first; a trigger may come before all of them.
        if !matches!(self.constraint.kind, ConstraintKind::Foreign { deferred: true })
            && let outcome @ Outcome::Refused(..) = self.scratch.insert(&[], values)
            && !outcome.is_by(self.constraint)
        {
            self.implied.get_or_insert(row);
            return false;
        }
        self.found = Some(row);
        is_alone
    }

    /// Notes a row that breaks a CHECK, but of which SQLite cannot compute a generated column: malformed JSON.
    fn before_generated(&mut self, values: &[ValueBuf]) {
        let ConstraintKind::Check(text) = &self.constraint.kind else { return };
        if self.implied.is_none()
            && self.scratch.is_false(text, self.input.target, values)
            && matches!(self.scratch.insert(&[], values), Outcome::Refused(..))
        {
            self.implied = Some(BreakingRow { is_computed: false, ..BreakingRow::alone(values.to_vec()) });
        }
    }

    /// Makes a column NULL, and others what CHECKs ask for then. A generated one may be NULL although its sources are not: a
    /// document lacks the key.
    fn null(&mut self, columns: &[usize]) {
        let input = self.input;
        let (_, name) = self.constraint.object.rsplit_once('.').unwrap_or_default();
        if let Some(generated) = input.table.column(name).and_then(|column| column.generated.as_ref()) {
            let pool = candidates(&[&generated.expression], named(0, &self.constraint.shown));
            self.values(&input, columns, vec![pool; columns.len()]);
        } else {
            let text = self.with_other_checks(format!("{} IS NOT NULL", quote_identifier(name)));
            input.base.iter().any(|base| self.understood(&text, base));
        }
    }

    /// Tries values that make a CHECK false, in several of its columns and in those of other CHECKs.
    fn check(&mut self, columns: &[usize], text: &str) {
        let input = self.input;
        let with_others = self.with_other_checks(format!("({text}\n)"));
        if [&*with_others, text].iter().any(|text| input.base.iter().any(|base| self.understood(text, base))) {
            return;
        }
        self.several_values(&input, columns, &self.pools(&input, columns));
        // Another CHECK on the same columns may require other values in further ones.
        let others = self.found.as_ref().or(self.implied.as_ref()).map(|found| found.also.clone());
        let mut more = columns.to_vec();
        for other in others.unwrap_or_default() {
            more.extend(input.places(&input.constraints[other].columns));
        }
        more.order();
        more.dedup();
        if more.len() > columns.len() && !self.is_alone() {
            self.tried = 0;
            self.values(&input, &more, self.pools(&input, &more));
        }
    }

    /// Returns the condition OR that a CHECK on the same columns, or on further columns of such a one, is false: what makes all
    /// of it false breaks nothing but the condition.
    fn with_other_checks(&self, mut condition: String) -> String {
        let checks = self.input.constraints.iter().enumerate().filter_map(|(at, other)| match &other.kind {
            ConstraintKind::Check(text) if at != self.at => Some((text, &other.columns)),
            _ => None,
        });
        let mut left: Vec<(&String, &Vec<String>)> = checks.collect();
        let mut columns = self.constraint.columns.clone();
        while let Some(at) = left.iter().position(|(_, of)| of.iter().any(|name| columns.contains(name))) {
            let (text, of) = left.remove(at);
            condition.push_str(&format!(" OR NOT ({text}\n)"));
            columns.extend(of.iter().cloned());
        }
        condition
    }

    /// Tries values by which a condition is understood to be false. Returns true if they break nothing else.
    fn understood(&mut self, text: &str, base: &[ValueBuf]) -> bool {
        let input = self.input;
        let mut draw = Draw::new(named(3, text));
        for branch in conditions::ways_to_break(text, input.table, &input.target.columns) {
            for _ in 0..SAMPLES {
                let mut row = base.to_vec();
                for (at, domain) in &branch.domains {
                    let column = input.table.column(&input.target.columns[*at]);
                    let source = column.and_then(|column| choose::source(column, input.table.strict, domain));
                    if let Some(source) = source {
                        source.make(&mut draw, None, &mut row[*at]);
                    }
                }
                satisfy(&branch.relations, &mut row, &|_| true);
                if self.offer(&row) {
                    return true;
                }
            }
        }
        false
    }

    /// Tries other values: in one column, then in several.
    fn values(&mut self, input: &SearchInput<'_>, columns: &[usize], pools: Vec<Vec<ValueBuf>>) {
        if !self.single_values(input, columns, &pools) {
            self.several_values(input, columns, &pools);
        }
    }

    /// Tries other values in one column. Returns true if one of them breaks nothing else.
    fn single_values(&mut self, input: &SearchInput<'_>, columns: &[usize], pools: &[Vec<ValueBuf>]) -> bool {
        columns
            .iter()
            .zip(pools)
            .any(|(column, pool)| pool.iter().any(|value| self.offer(&input.with(&[(*column, value)]))))
    }

    /// Tries other values in several columns.
    fn several_values(&mut self, input: &SearchInput<'_>, columns: &[usize], pools: &[Vec<ValueBuf>]) {
        if columns.len() < 2 {
            return;
        }
        let null = ValueBuf::default();
        let none: Vec<(usize, &ValueBuf)> = columns.iter().map(|column| (*column, &null)).collect();
        if self.offer(&input.with(&none)) {
            return;
        }
        let mut draw = Draw::new(named(2, &self.constraint.shown));
        while self.tried < ATTEMPTS {
            let mut changes = Vec::new();
            for (column, pool) in columns.iter().zip(pools) {
                if columns.len() == 2 || draw.percent(60) {
                    changes.push((*column, likely(&mut draw, pool)));
                }
            }
            if self.offer(&input.with(&changes)) {
                return;
            }
        }
    }

    /// Makes a row that breaks several constraints acceptable to the others, by other values in their columns.
    fn mend(&mut self, columns: &[usize]) {
        let broken = self.found.as_ref().or(self.implied.as_ref());
        let Some(broken) = broken.filter(|found| !found.also.is_empty() && found.before.is_empty()) else { return };
        let (row, also) = (broken.values.clone(), broken.also.clone());
        let input = self.input;
        if self.other_parents(&row, columns) {
            return;
        }
        let mut free: Vec<usize> =
            also.iter().flat_map(|other| input.places(&input.constraints[*other].columns)).collect();
        free.order();
        free.dedup();
        free.retain(|column| !columns.contains(column));
        let pools = free.iter().map(|column| self.pool(&row, columns, *column)).collect();
        self.tried = 0;
        self.values(&SearchInput { base: std::slice::from_ref(&row), ..input }, &free, pools);
    }

    /// Makes a row acceptable to other constraints by other parents. Returns true if it breaks nothing else then.
    fn other_parents(&mut self, row: &[ValueBuf], columns: &[usize]) -> bool {
        let parents = self.input.parents;
        self.tried = 0;
        for (at, first) in parents.iter().enumerate() {
            for row in first.referring(row, columns) {
                if self.tried > ATTEMPTS {
                    return false;
                }
                if self.offer(&row) {
                    return true;
                }
                let kept: Vec<usize> = columns.iter().chain(&first.columns).copied().collect();
                let mut others = parents.iter().enumerate().filter(|(other, _)| *other != at);
                if others.any(|(_, second)| second.referring(&row, &kept).iter().any(|row| self.offer(row))) {
                    return true;
                }
            }
        }
        false
    }

    /// Returns values that may make a column of a row acceptable, after others have changed.
    fn pool(&self, row: &[ValueBuf], changed: &[usize], column: usize) -> Vec<ValueBuf> {
        let input = &self.input;
        let mut texts = Vec::new();
        // In a document that contains the old value, the new one replaces it.
        let taken_over = |own: &usize| taking_over(&row[column], &input.base[0][*own], &row[*own]);
        let mut pool: Vec<ValueBuf> = changed.iter().filter_map(taken_over).collect();
        for constraint in input.constraints {
            let named = input.places(&constraint.columns);
            if !named.contains(&column) {
                continue;
            }
            match &constraint.kind {
                ConstraintKind::Check(text) => {
                    texts.push(&text[..]);
                    // Values near another column's.
                    pool.extend(named.iter().flat_map(|other| near(&row[*other])));
                }
                ConstraintKind::Key { partial: Some(partial), .. } => texts.push(partial),
                _ => {}
            }
        }
        let candidates = candidates(&texts, named(0, &input.target.columns[column]));
        pool.extend(with_near(&row[column], &candidates));
        pool
    }

    /// Returns a row that the constraint should refuse but accepts, because a NULL makes it neither true nor false, and the
    /// column of the NULL.
    pub(super) fn with_null(&mut self) -> Option<(usize, BreakingRow)> {
        let input = self.input;
        let nullable = self.constraint.columns.iter().filter(|name| input.table.may_be_null(name));
        nullable.filter_map(|name| Some((name, input.place(name)?))).find_map(|(name, column)| {
            let row = match &self.constraint.kind {
                ConstraintKind::Check(text) => self.check_with_null(name, column, text),
                ConstraintKind::Key { terms: 2.., partial } => self.key_with_null(column, partial.as_deref()),
                _ => None,
            };
            row.map(|row| (column, row))
        })
    }

    fn check_with_null(&mut self, name: &str, column: usize, text: &str) -> Option<BreakingRow> {
        let input = self.input;
        // A nullable column without a DEFAULT that is the only one of a CHECK is optional on purpose.
        let default = input.table.column(name).and_then(|column| column.default.as_deref());
        let is_optional = self.constraint.columns.len() == 1
            && default.is_none_or(|default| default.trim().eq_ignore_ascii_case("NULL"));
        let values = input.with(&[(column, &ValueBuf::default())]);
        let passes = !is_optional
            && self.scratch.put(&values)
            && self.scratch.is(input.table, text, "NULL")
            && self.scratch.insert(&[], &values) == Outcome::Accepted;
        passes.then(|| BreakingRow::alone(values))
    }
}

/// Draws a value. Those that an expression names come first and are likelier.
pub(super) fn likely<'p>(draw: &mut Draw, pool: &'p [ValueBuf]) -> &'p ValueBuf {
    let end = draw.below(pool.len() as u64) + 1;
    &pool[draw.below(end) as usize]
}
