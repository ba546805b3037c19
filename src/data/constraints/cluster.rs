//! Columns that constraints tie together, and the ways in which a row can satisfy all of them.

use crate::data::constraints::derived::Derived;
use crate::data::constraints::documents::Member;
use crate::data::constraints::domain::{self, Domain, Nullability, Shape};
use crate::data::constraints::evaluator::{Evaluator, PreparedCheck};
use crate::data::constraints::expression::{Comparison, Expression};
use crate::data::constraints::search::search;
use crate::data::constraints::solve::{self, Branch, Relation};
use crate::data::values::column::{self, Source};
use crate::data::values::document::Document;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{Draw, key, named};
use crate::schema::{Affinity, Column, Table};
use crate::sql::{Token, TokenKind, tokens};

/// A condition that every row has to satisfy.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// `CHECK`, `trigger`, `expression`.
    pub(crate) kind: &'static str,
    pub(crate) name: Option<String>,
    /// As it was written.
    pub(crate) shown: String,
    /// What must not be false.
    pub(crate) text: String,
    pub(crate) columns: Vec<usize>,
    pub(crate) branches: Vec<Branch>,
    /// As far as it is understood.
    pub(crate) expression: Expression,
    /// Whether columns that follow from others satisfy it, so that there is nothing to be chosen.
    pub(crate) is_derived: bool,
    /// What a column has to be for a trigger: `WHEN NEW.version <> 1 + (SELECT max(version) …)`.
    pub(crate) derived_by_trigger: Option<Derived>,
    /// Whether it has subqueries, as only triggers have them.
    pub(crate) reads_tables: bool,
}

impl Condition {
    pub(crate) fn of(
        kind: &'static str,
        name: Option<String>,
        shown: String,
        text: String,
        names: &[String],
        expression: Expression,
        branches: Vec<Branch>,
    ) -> Condition {
        let mut columns = Vec::new();
        expression.columns(&mut columns);
        // What could not be parsed names its columns all the same; a trigger by NEW alone, for others are of what it reads.
        let all = tokens(&shown);
        let is_of_row = |at: usize| kind != "trigger" || at >= 2 && all[at - 1].is_symbol(".") && all[at - 2].is("NEW");
        let named = |token: &Token<'_>| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        for (_, token) in all.iter().enumerate().filter(|(at, token)| named(token) && is_of_row(*at)) {
            let name = token.name().unwrap_or_default();
            if let Some(found) = names.iter().position(|column| column.eq_ignore_ascii_case(&name))
                && !columns.contains(&found)
            {
                columns.push(found);
            }
        }
        columns.sort_unstable();
        let reads_tables = kind == "trigger" && all.iter().any(|token| token.is("SELECT"));
        Condition {
            kind,
            name,
            shown,
            text,
            columns,
            branches,
            expression,
            is_derived: false,
            derived_by_trigger: None,
            reads_tables,
        }
    }
}

/// Columns that are made together.
#[derive(Clone, Debug)]
pub(crate) struct ColumnGroup {
    pub(crate) columns: Vec<usize>,
    pub(crate) solutions: Vec<Solution>,
    /// What decides on the way of a row.
    pub(crate) key: u64,
}

/// One way to make them.
#[derive(Clone, Debug)]
pub(crate) enum Solution {
    Generated {
        sources: Vec<ColumnSource>,
        relations: Vec<Relation>,
    },
    /// Values that were found together, one list for each row of them.
    Listed(Vec<Vec<ValueBuf>>),
}

/// How one column of a group is made.
#[derive(Clone, Debug)]
pub(crate) struct ColumnSource {
    pub(crate) column: usize,
    /// `None` for a column whose value comes from a parent: only whether it is NULL can be chosen.
    pub(crate) source: Option<Source>,
    pub(crate) nullability: Nullability,
}

/// What is known of a column when groups are made.
pub(crate) struct SolverInput<'t> {
    pub(crate) table: &'t Table,
    pub(crate) names: Vec<String>,
    /// The place of each column in the table's list.
    pub(crate) places: Vec<usize>,
    /// What holds for the column alone: NOT NULL, a value that is set.
    pub(crate) domains: Vec<Domain>,
    /// Whether the value comes from elsewhere: a parent, a closure.
    pub(crate) is_external: Vec<bool>,
    /// How a value is made where no condition says otherwise.
    pub(crate) default_sources: Vec<Option<Source>>,
    /// The same for any column.
    pub(crate) default_source: &'t dyn Fn(&Column) -> Option<Source>,
    /// Whether it is part of a key.
    pub(crate) is_in_key: Vec<bool>,
    pub(crate) seed: u64,
}

/// Groups columns by the conditions that they share, and finds ways for each group. `Err` has the condition for which no
/// values were found, and those that were tried.
pub(crate) fn groups(
    input: &SolverInput<'_>,
    conditions: &[Condition],
    evaluator: &Evaluator<'_>,
) -> Result<Vec<ColumnGroup>, (usize, Vec<String>)> {
    let mut gathered: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for (index, condition) in conditions.iter().enumerate() {
        let (mut columns, mut members) = (condition.columns.clone(), vec![index]);
        gathered.retain(|(others, indexes)| {
            let shares = others.iter().any(|column| columns.contains(column));
            if shares {
                columns.extend(others);
                members.extend(indexes);
            }
            !shares
        });
        columns.sort_unstable();
        columns.dedup();
        members.sort_unstable();
        gathered.push((columns, members));
    }
    let mut groups = Vec::new();
    for (columns, members) in gathered.into_iter().filter(|(columns, _)| !columns.is_empty()) {
        groups.push(group(input, conditions, columns, members, evaluator)?);
    }
    Ok(groups)
}

/// Values on which a way is tried, and how many of them have to pass.
pub(crate) const SAMPLES: u64 = 12;

fn group(
    input: &SolverInput<'_>,
    conditions: &[Condition],
    columns: Vec<usize>,
    members: Vec<usize>,
    evaluator: &Evaluator<'_>,
) -> Result<ColumnGroup, (usize, Vec<String>)> {
    let mut branches = vec![Branch {
        domains: columns.iter().map(|column| (*column, input.domains[*column].clone())).collect(),
        ..Branch::default()
    }];
    // Those with few branches first, so that what is left out is little.
    let mut by_size = members.clone();
    by_size.sort_by_key(|index| conditions[*index].branches.len());
    for index in by_size {
        let both = solve::product(&branches, &conditions[index].branches);
        if both.is_empty() {
            // Not understood well enough: SQLite has to say.
            continue;
        }
        branches = both;
    }
    let name = columns.iter().map(|column| input.names[*column].as_str()).min().unwrap_or_default();
    let key = named(named(input.seed, "way of"), name);
    let names: Vec<&str> = columns.iter().map(|column| input.names[*column].as_str()).collect();
    // What comes from elsewhere is not known yet, and neither is a condition about it.
    let judged = |index: &&usize| {
        let condition = &conditions[**index];
        !condition.is_derived && !condition.columns.iter().any(|column| input.is_external[*column])
    };
    let texts: Vec<&str> = members.iter().filter(judged).map(|index| conditions[*index].text.as_str()).collect();
    let solved = |branch: &Branch| solution(input, &columns, branch, false);
    let mut solutions: Vec<Solution> = branches.iter().filter_map(solved).collect();
    let Some(mut check) = evaluator.prepare(&names, &texts) else {
        return if solutions.is_empty() {
            Err((members[0], Vec::new()))
        } else {
            Ok(ColumnGroup { columns, solutions, key })
        };
    };
    let mut tried = Tried::default();
    if !texts.is_empty() {
        let mut rated: Vec<(u64, Solution)> = Vec::new();
        for branch in &branches {
            // What a column is made of anyway is the more likely value, where it passes.
            if let Some(natural) = solution(input, &columns, branch, true)
                && score(input, &columns, &natural, key, &mut check, &mut Tried::default()) == SAMPLES
            {
                rated.push((SAMPLES, natural));
            } else if let Some(solution) = solved(branch) {
                let score = score(input, &columns, &solution, key, &mut check, &mut tried);
                if score > 0 {
                    rated.push((score, solution));
                }
            }
        }
        let best = rated.iter().map(|(score, _)| *score).max().unwrap_or(0);
        // Below that, too many rows would be refused.
        rated.retain(|(score, _)| *score * 2 >= best);
        solutions = rated.into_iter().map(|(_, solution)| solution).collect();
        if best < SAMPLES / 3 {
            let texts_of_all: Vec<&str> = members.iter().map(|index| conditions[*index].shown.as_str()).collect();
            let found = search(input, &columns, &texts_of_all, key, &mut check, &mut tried);
            if !found.is_empty() {
                solutions = found;
            }
        }
    }
    if solutions.is_empty() {
        let unmet = blame(input, conditions, &columns, &members, evaluator, &tried);
        return Err((unmet, tried.shown));
    }
    Ok(ColumnGroup { columns, solutions, key })
}

/// What was tried in vain, for the report.
#[derive(Default)]
pub(crate) struct Tried {
    shown: Vec<String>,
    values: Vec<Vec<ValueBuf>>,
}

impl Tried {
    pub(crate) fn add(&mut self, names: &[&str], values: &[ValueBuf]) {
        if self.values.len() >= 6 || self.values.iter().any(|other| other == values) {
            return;
        }
        let pairs: Vec<String> =
            names.iter().zip(values).map(|(name, value)| format!("{name} = {}", value.short_sql_literal())).collect();
        self.shown.push(pairs.join(", "));
        self.values.push(values.to_vec());
    }
}

/// The condition that refuses most of what was tried.
fn blame(
    input: &SolverInput<'_>,
    conditions: &[Condition],
    columns: &[usize],
    members: &[usize],
    evaluator: &Evaluator<'_>,
    tried: &Tried,
) -> usize {
    let names: Vec<&str> = columns.iter().map(|column| input.names[*column].as_str()).collect();
    let mut worst = (0, members[0]);
    for &index in members {
        let Some(mut check) = evaluator.prepare(&names, &[&conditions[index].text]) else { return index };
        let refused = tried.values.iter().filter(|values| {
            let values: Vec<&ValueBuf> = values.iter().collect();
            !check.passes(&values)
        });
        worst = worst.max((refused.count(), index));
    }
    worst.1
}

/// What makes the columns of a branch. `natural` ones are made as they would be without conditions, where that is possible.
fn solution(input: &SolverInput<'_>, columns: &[usize], branch: &Branch, natural: bool) -> Option<Solution> {
    let mut sources = Vec::new();
    for &column in columns {
        let declared = &input.table.columns[input.places[column]];
        let domain = branch.domains.iter().find(|(other, _)| *other == column).map(|(_, domain)| domain);
        let domain = domain.cloned().unwrap_or_default();
        let source = if input.is_external[column] {
            None
        } else if let (Some(Shape::Document(members)), None) = (&domain.shape, &domain.choices) {
            Some(Source::Document(Box::new(document(input, members)?)))
        } else if let (Some(plain), true) = (
            &input.default_sources[column],
            domain.nullability != Nullability::Required && (domain.is_free() || natural && domain.choices.is_none()),
        ) {
            Some(plain.clone())
        } else {
            Some(column::source(declared, input.table.strict, &domain)?)
        };
        sources.push(ColumnSource { column, source, nullability: domain.nullability });
    }
    Some(Solution::Generated { sources, relations: branch.relations.clone() })
}

/// What makes a document that has these members. Those of which nothing is said look like what their names promise.
fn document(input: &SolverInput<'_>, members: &[Member]) -> Option<Document> {
    let mut document = Document::empty();
    for Member { path, declared_type, domain } in members {
        let column = Column {
            name: path.last()?.clone().into(),
            declared_type: declared_type.clone(),
            affinity: Affinity::of(declared_type, false),
            not_null: domain.nullability == Nullability::Forbidden,
            not_null_on_conflict: None,
            default: None,
            collation: "BINARY".to_owned(),
            generated: None,
            hidden: false,
        };
        let plain = if domain.is_free() && domain.nullability != Nullability::Required {
            (input.default_source)(&column)
        } else {
            None
        };
        let domain = of_member(domain);
        document.add(path, plain.or_else(|| column::source(&column, false, &domain))?);
    }
    Some(document)
}

/// The domain of a member: what is JSON of a type there is a plain value of it, of which more may be said.
fn of_member(domain: &Domain) -> Domain {
    let class = match &domain.shape {
        Some(Shape::Json(Some(kind))) => match kind.as_str() {
            "integer" => domain::INTEGER,
            "real" => domain::REAL,
            "text" => domain::TEXT,
            _ => return domain.clone(),
        },
        _ => return domain.clone(),
    };
    let plain = Domain { shape: None, ..domain.clone() };
    if plain.is_free() { domain.clone() } else { Domain { classes: plain.classes & class, ..plain } }
}

/// How many samples of a way pass.
pub(crate) fn score(
    input: &SolverInput<'_>,
    columns: &[usize],
    solution: &Solution,
    key_of: u64,
    check: &mut PreparedCheck<'_>,
    tried: &mut Tried,
) -> u64 {
    let names: Vec<&str> = columns.iter().map(|column| input.names[*column].as_str()).collect();
    let mut made = vec![ValueBuf::default(); input.names.len()];
    let mut passed = 0;
    for sample in 0..SAMPLES {
        let mut draw = Draw::new(key(key_of, sample));
        let Solution::Generated { sources, relations } = solution else { return 0 };
        for column_source in sources {
            if let Some(source) = &column_source.source {
                // A column of a key may have to show the row's number.
                let is_numbered = input.is_in_key[column_source.column] && sample % 2 == 1;
                let number = is_numbered.then(|| (sample << (2 * sample)) % source.capacity().max(1));
                source.make(&mut draw, number, &mut made[column_source.column]);
            }
        }
        satisfy(relations, &mut made);
        let values: Vec<&ValueBuf> = columns.iter().map(|column| &made[*column]).collect();
        if check.passes(&values) {
            passed += 1;
        } else {
            let values: Vec<ValueBuf> = values.into_iter().cloned().collect();
            tried.add(&names, &values);
        }
    }
    passed
}

/// Makes values of columns satisfy what is said about two of them at once, as far as that is possible: by taking one for
/// the other, or by swapping them.
pub(crate) fn satisfy(relations: &[Relation], made: &mut [ValueBuf]) {
    for _ in 0..=relations.len() {
        let mut changed = false;
        for relation in relations {
            changed |= satisfy_one(*relation, made);
        }
        if !changed {
            return;
        }
    }
}

fn satisfy_one(relation: Relation, made: &mut [ValueBuf]) -> bool {
    let (left, right) = (relation.left, relation.right);
    let is_null = |made: &ValueBuf| made.kind() == ValueKind::Null;
    if left == right {
        return false;
    }
    match relation.comparison {
        Comparison::Is if is_null(&made[left]) != is_null(&made[right]) => {}
        _ if is_null(&made[left]) || is_null(&made[right]) => return false,
        _ => {}
    }
    let order = made[left].compare(&made[right]);
    match relation.comparison {
        Comparison::Equal | Comparison::Is => {
            if order.is_ne() {
                let copy = made[left].clone();
                made[right].clone_from(&copy);
                return true;
            }
            false
        }
        Comparison::Unequal | Comparison::IsNot => order.is_eq() && made[right].nudge(true),
        Comparison::Less | Comparison::LessOrEqual => {
            if order.is_gt() {
                made.swap(left, right);
                return true;
            }
            relation.comparison == Comparison::Less && order.is_eq() && made[right].nudge(true)
        }
        Comparison::Greater | Comparison::GreaterOrEqual => {
            if order.is_lt() {
                made.swap(left, right);
                return true;
            }
            relation.comparison == Comparison::Greater && order.is_eq() && made[left].nudge(true)
        }
    }
}
