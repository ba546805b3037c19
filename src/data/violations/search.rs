//! Looking for a row that breaks one constraint and no other: a row that is fine, with as few columns changed as it takes.

use super::bench::{Bench, Outcome};
use super::clause::{Clause, What};
use super::near::{near, strangers, taking_over, with_near};
use crate::data::constraints::candidates::candidates;
use crate::data::script::Target;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, named};
use crate::schema::Table;

/// How many rows are judged for one constraint.
const ATTEMPTS: usize = 3_000;

/// What is known about a table on which rows are tried.
pub(super) struct Ground<'g> {
    pub(super) table: &'g Table,
    pub(super) target: &'g Target,
    pub(super) clauses: &'g [Clause],
    /// A row that can be inserted, and perhaps a second one.
    pub(super) base: &'g [Vec<ValueBuf>],
    /// Rows that are there, without what SQLite generates.
    pub(super) there: &'g [Vec<ValueBuf>],
}

/// A row that breaks a constraint.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) values: Vec<ValueBuf>,
    /// What has to be inserted before it.
    pub(super) before: Vec<Vec<ValueBuf>>,
    /// Other constraints that it breaks, by their place.
    pub(super) also: Vec<usize>,
}

/// The best of what was judged so far.
struct Best {
    clause: usize,
    found: Option<Found>,
    /// One that SQLite refuses for another reason.
    implied: Option<Found>,
    judged: usize,
}

impl Best {
    /// Judges a row. Whether no better one is needed.
    fn offer(
        &mut self,
        ground: &Ground<'_>,
        bench: &mut Bench<'_>,
        before: &[Vec<ValueBuf>],
        values: &[ValueBuf],
    ) -> bool {
        self.judged += 1;
        if !bench.put(values) || !bench.breaks(self.clause) {
            return false;
        }
        let also = bench.breaks_also(self.clause);
        if self.found.as_ref().is_some_and(|found| found.also.len() <= also.len()) {
            return false;
        }
        let clause = &ground.clauses[self.clause];
        // A row may break what SQLite looks at first; a trigger may be before all.
        if !matches!(clause.what, What::Foreign { deferred: true })
            && let Outcome::Refused(code, message) = bench.insert(before, values)
            && !(code == clause.code && message.contains(&clause.message))
        {
            self.implied.get_or_insert_with(|| Found { values: values.to_vec(), before: before.to_vec(), also });
            return false;
        }
        let is_alone = also.is_empty();
        self.found = Some(Found { values: values.to_vec(), before: before.to_vec(), also });
        is_alone
    }

    fn goes_on(&self) -> bool {
        self.judged < ATTEMPTS
    }
}

/// The row that breaks `clause`, and as few others as can be. It may be one that another constraint refuses.
pub(super) fn row(ground: &Ground<'_>, bench: &mut Bench<'_>, clause: usize) -> Option<Found> {
    let mut best = Best { clause, found: None, implied: None, judged: 0 };
    let known = &ground.clauses[clause];
    let columns: Vec<usize> = known.columns.iter().filter_map(|name| ground.place(name)).collect();
    match &known.what {
        What::Key { partial, .. } => keys(ground, bench, &mut best, &columns, partial.as_deref()),
        What::NotNull => {
            let null = ValueBuf::default();
            let is_done =
                columns.iter().any(|column| best.offer(ground, bench, &[], &ground.with(&[(*column, &null)])));
            // What SQLite generates may be NULL though nothing is that it is made from: a key that a document has not got.
            let (_, name) = known.object.rsplit_once('.').unwrap_or_default();
            if let Some(generated) = ground.table.column(name).and_then(|column| column.generated.as_ref())
                && !is_done
            {
                let pool = candidates(&[&generated.expression], named(0, &known.shown));
                let pools = vec![pool; columns.len()];
                values(ground, bench, &mut best, &columns, pools);
            }
        }
        What::Type => {
            let pools = columns.iter().map(|column| strangers(&ground.base[0][*column])).collect();
            values(ground, bench, &mut best, &columns, pools);
        }
        What::Check(text) => {
            let pool = candidates(&[text], named(0, text));
            let pools = |columns: &[usize]| {
                columns.iter().map(|column| with_near(&ground.base[0][*column], &pool)).collect::<Vec<_>>()
            };
            values(ground, bench, &mut best, &columns, pools(&columns));
            // Another CHECK of the same columns may ask for other values in further ones.
            let others = best.found.as_ref().or(best.implied.as_ref()).map(|found| found.also.clone());
            let mut more = columns.clone();
            for other in others.unwrap_or_default() {
                let names = ground.clauses[other].columns.iter().filter_map(|name| ground.place(name));
                more.extend(names);
            }
            more.sort_unstable();
            more.dedup();
            if more.len() > columns.len() && best.found.as_ref().is_none_or(|found| !found.also.is_empty()) {
                best.judged = 0;
                values(ground, bench, &mut best, &more, pools(&more));
            }
        }
        What::Foreign { .. } => {
            let checks = ground.clauses.iter().filter_map(|other| match &other.what {
                What::Check(text) if other.columns.iter().any(|name| known.columns.contains(name)) => Some(&text[..]),
                _ => None,
            });
            let pool = candidates(&checks.collect::<Vec<_>>(), named(0, &known.shown));
            let pools = columns.iter().map(|column| with_near(&ground.base[0][*column], &pool)).collect();
            values(ground, bench, &mut best, &columns, pools);
        }
    }
    if !matches!(known.what, What::Check(_) | What::Type) {
        mend(ground, bench, &mut best, &columns);
    }
    best.found.or(best.implied)
}

/// Makes the row that breaks too much fine again for the others: by what their columns have besides.
fn mend(ground: &Ground<'_>, bench: &mut Bench<'_>, best: &mut Best, columns: &[usize]) {
    let Some(broken) = best.found.as_ref().or(best.implied.as_ref()).filter(|found| !found.also.is_empty()) else {
        return;
    };
    if !broken.before.is_empty() {
        return;
    }
    let (row, also) = (broken.values.clone(), broken.also.clone());
    let places = |names: &[String]| names.iter().filter_map(|name| ground.place(name)).collect::<Vec<usize>>();
    let mut free: Vec<usize> = also.iter().flat_map(|other| places(&ground.clauses[*other].columns)).collect();
    free.sort_unstable();
    free.dedup();
    free.retain(|column| !columns.contains(column));
    let pools: Vec<Vec<ValueBuf>> = free
        .iter()
        .map(|column| {
            let mut pool = Vec::new();
            let mut texts = Vec::new();
            // A document that has the old value in it takes over the one that replaces it.
            pool.extend(columns.iter().filter_map(|own| taking_over(&row[*column], &ground.base[0][*own], &row[*own])));
            for clause in ground.clauses {
                let named = places(&clause.columns);
                if !named.contains(column) {
                    continue;
                }
                match &clause.what {
                    What::Check(text) => {
                        texts.push(&text[..]);
                        // What lies before or behind another column.
                        pool.extend(named.iter().flat_map(|other| near(&row[*other])));
                    }
                    What::Key { partial: Some(partial), .. } => texts.push(partial),
                    _ => {}
                }
            }
            pool.extend(with_near(&row[*column], &candidates(&texts, named(0, &ground.target.columns[*column]))));
            pool
        })
        .collect();
    best.judged = 0;
    let ground = Ground { base: std::slice::from_ref(&row), ..*ground };
    values(&ground, bench, best, &free, pools);
}

impl Ground<'_> {
    fn place(&self, name: &str) -> Option<usize> {
        self.target.columns.iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    /// The row that can be inserted, with other values.
    pub(super) fn with(&self, changes: &[(usize, &ValueBuf)]) -> Vec<ValueBuf> {
        let mut row = self.base[0].clone();
        for (column, made) in changes {
            row[*column].clone_from(made);
        }
        row
    }

    /// The columns of all keys but this one that are not in it.
    fn of_other_keys(&self, clause: usize, columns: &[usize]) -> Vec<usize> {
        let mut found = Vec::new();
        for (at, other) in self.clauses.iter().enumerate() {
            if at != clause && matches!(other.what, What::Key { .. }) {
                let places = other.columns.iter().filter_map(|name| self.place(name));
                found.extend(places.filter(|place| !columns.contains(place)));
            }
        }
        found
    }
}

/// Tries a key that is there already.
fn keys(ground: &Ground<'_>, bench: &mut Bench<'_>, best: &mut Best, columns: &[usize], partial: Option<&str>) {
    let others = ground.of_other_keys(best.clause, columns);
    for row in ground.there {
        if copies(ground, columns, &others, row).iter().any(|values| best.offer(ground, bench, &[], values)) {
            return;
        }
    }
    // No row is under the index: one is put there first. The second one of a tree may be a child of the first.
    let ([first, second, ..], Some(partial)) = (ground.base, partial) else { return };
    let pool = candidates(&[partial], named(0, partial));
    for base in [[first.clone(), second.clone()], [second.clone(), first.clone()]] {
        let ground = Ground { base: &base, ..*ground };
        best.found = under_index(&ground, bench, best.clause, columns, &others, partial, &pool);
        if best.found.is_some() {
            return;
        }
    }
}

/// A row with the key of another one: with nothing else of it, with all but other keys, with all.
fn copies(ground: &Ground<'_>, columns: &[usize], others: &[usize], row: &[ValueBuf]) -> [Vec<ValueBuf>; 3] {
    let own: Vec<(usize, &ValueBuf)> = columns.iter().map(|column| (*column, &row[*column])).collect();
    let most = (0..row.len()).filter(|column| !others.contains(column)).map(|column| (column, &row[column]));
    [ground.with(&own), ground.with(&most.collect::<Vec<_>>()), row.to_vec()]
}

/// Brings the second row under a partial index, and repeats it.
fn under_index(
    ground: &Ground<'_>,
    bench: &mut Bench<'_>,
    clause: usize,
    columns: &[usize],
    others: &[usize],
    partial: &str,
    pool: &[ValueBuf],
) -> Option<Found> {
    let of_partial: Vec<usize> =
        super::clause::named_columns(ground.table, partial).iter().filter_map(|name| ground.place(name)).collect();
    let mut draw = Draw::new(named(1, partial));
    let single = pool.len() * of_partial.len();
    let attempts = if of_partial.len() == 1 { single } else { single.max(ATTEMPTS / 2) };
    for attempt in 0..attempts {
        let mut row = ground.base[1].clone();
        if attempt < single {
            row[of_partial[attempt / pool.len()]].clone_from(&pool[attempt % pool.len()]);
        } else {
            // Some are to be as they are, and some NULL; what the expression names comes first and is likelier.
            for column in &of_partial {
                match draw.below(5) {
                    0 | 1 => {}
                    2 => row[*column].set_null(),
                    _ => {
                        let end = draw.below(pool.len() as u64) + 1;
                        row[*column].clone_from(&pool[draw.below(end) as usize]);
                    }
                }
            }
        }
        let is_under = bench.put(&row) && bench.is(ground.table, partial, "TRUE");
        if !is_under || bench.insert(&[], &row) != Outcome::Accepted {
            continue;
        }
        // Judged without the first row, the second one breaks nothing: SQLite alone tells.
        for values in copies(ground, columns, others, &row) {
            let known = &ground.clauses[clause];
            let outcome = bench.insert(std::slice::from_ref(&row), &values);
            let is_it = matches!(&outcome, Outcome::Refused(code, text) if *code == known.code && text.contains(&known.message));
            if is_it {
                return Some(Found { values, before: vec![row], also: Vec::new() });
            }
        }
    }
    None
}

/// Tries other values: in one column, then in several.
fn values(ground: &Ground<'_>, bench: &mut Bench<'_>, best: &mut Best, columns: &[usize], pools: Vec<Vec<ValueBuf>>) {
    for (column, pool) in columns.iter().zip(&pools) {
        if pool.iter().any(|made| best.offer(ground, bench, &[], &ground.with(&[(*column, made)]))) {
            return;
        }
    }
    if columns.len() < 2 {
        return;
    }
    let null = ValueBuf::default();
    let none: Vec<(usize, &ValueBuf)> = columns.iter().map(|column| (*column, &null)).collect();
    if best.offer(ground, bench, &[], &ground.with(&none)) {
        return;
    }
    let mut draw = Draw::new(named(2, &ground.clauses[best.clause].shown));
    while best.goes_on() {
        let mut changes = Vec::new();
        for (column, pool) in columns.iter().zip(&pools) {
            if columns.len() == 2 || draw.percent(60) {
                // What the expression names comes first and is likelier.
                let end = draw.below(pool.len() as u64) + 1;
                changes.push((*column, &pool[draw.below(end) as usize]));
            }
        }
        if best.offer(ground, bench, &[], &ground.with(&changes)) {
            return;
        }
    }
}

/// A row that a constraint should keep out but for a NULL in it, for which it is neither true nor false.
pub(super) fn with_null(ground: &Ground<'_>, bench: &mut Bench<'_>, clause: usize) -> Option<(usize, Found)> {
    let known = &ground.clauses[clause];
    let may_be_null = |name: &&String| ground.table.column(name).is_some_and(|_| ground.table.may_be_null(name));
    let null = ValueBuf::default();
    for name in known.columns.iter().filter(may_be_null) {
        let Some(column) = ground.place(name) else { continue };
        match &known.what {
            What::Check(text) => {
                // Without a DEFAULT, the only column of a CHECK that may be NULL is one that need not be given.
                let default = ground.table.column(name).and_then(|column| column.default.as_deref());
                let is_optional = known.columns.len() == 1
                    && default.is_none_or(|default| default.trim().eq_ignore_ascii_case("NULL"));
                let values = ground.with(&[(column, &null)]);
                if !is_optional
                    && bench.put(&values)
                    && bench.is(ground.table, text, "NULL")
                    && bench.insert(&[], &values) == Outcome::Accepted
                {
                    return Some((column, Found { values, before: Vec::new(), also: Vec::new() }));
                }
            }
            What::Key { terms: 2.., partial } => {
                let Some(second) = ground.base.get(1) else { continue };
                let mut row = second.clone();
                row[column].set_null();
                let columns = known.columns.iter().filter_map(|name| ground.place(name));
                let same: Vec<(usize, &ValueBuf)> = columns.map(|column| (column, &row[column])).collect();
                let values = ground.with(&same);
                let is_under = partial
                    .as_ref()
                    .is_none_or(|partial| bench.put(&values) && bench.is(ground.table, partial, "TRUE"));
                if is_under && bench.insert(std::slice::from_ref(&row), &values) == Outcome::Accepted {
                    return Some((column, Found { values, before: vec![row], also: Vec::new() }));
                }
            }
            _ => {}
        }
    }
    None
}
