//! A condition that every row has to satisfy, and its branches: the ways to satisfy it.

use crate::data::constraints::derived::DerivedColumn;
use crate::data::constraints::expression::{Comparison, Expression};
use crate::data::values::domain::{Domain, Nullability};
use crate::order::Order as _;
use crate::sql::{Token, TokenKind, same_name, tokens};

#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) kind: ConditionKind,
    pub(crate) name: Option<String>,
    /// The text as it was written.
    pub(crate) shown: String,
    /// The expression that must not be false.
    pub(crate) sql: String,
    pub(crate) columns: Vec<usize>,
    pub(crate) branches: Vec<Branch>,
    /// The expression, as far as it is understood.
    pub(crate) expression: Expression,
    /// True if its branches are all ways to satisfy it, so that no others need to be searched.
    pub(crate) is_exact: bool,
    /// True if columns that are calculated from others satisfy it, so that there is nothing to choose.
    pub(crate) is_derived: bool,
    /// The column that a trigger compares with the rows before: `WHEN NEW.version <> 1 + (SELECT max(version) …)`.
    pub(crate) derived_by_trigger: Option<DerivedColumn>,
    /// True if it has subqueries, which only triggers can have.
    pub(crate) reads_tables: bool,
}

/// The kind of declaration from which a condition comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConditionKind {
    Check,
    Trigger,
    /// The expression of an index or of a generated column, which SQLite has to be able to calculate.
    Expression,
}

impl ConditionKind {
    /// Returns the kind as messages name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ConditionKind::Check => "CHECK",
            ConditionKind::Trigger => "trigger",
            ConditionKind::Expression => "expression",
        }
    }
}

impl Condition {
    /// Creates a condition that is not understood yet, about those of the columns that its text names.
    pub(super) fn new(kind: ConditionKind, name: Option<String>, shown: String, sql: String, names: &[String]) -> Self {
        let all = tokens(&shown);
        // In a trigger, only names behind `NEW.` are columns of the row.
        let is_of_row = |at: usize| {
            kind != ConditionKind::Trigger || at >= 2 && all[at - 1].is_symbol(".") && all[at - 2].is("NEW")
        };
        let is_name = |token: &Token<'_>| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        let mut columns = Vec::new();
        for (_, token) in all.iter().enumerate().filter(|(at, token)| is_name(token) && is_of_row(*at)) {
            let name = token.name().unwrap_or_default();
            columns.extend(names.iter().position(|column| same_name(column, &name)));
        }
        columns.order();
        columns.dedup();
        let reads_tables = kind == ConditionKind::Trigger && all.iter().any(|token| token.is("SELECT"));
        Condition {
            kind,
            name,
            shown,
            sql,
            columns,
            branches: Vec::new(),
            expression: Expression::Opaque,
            is_exact: false,
            is_derived: false,
            derived_by_trigger: None,
            reads_tables,
        }
    }

    /// Adds what is understood of the condition.
    pub(super) fn understood(mut self, expression: Expression, branches: Vec<Branch>) -> Condition {
        expression.columns(&mut self.columns);
        self.columns.order();
        self.expression = expression;
        self.branches = branches;
        self
    }
}

/// One way to satisfy an expression: domains of columns and relations between columns, which hold together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Branch {
    pub(crate) domains: Vec<(usize, Domain)>,
    pub(crate) relations: Vec<Relation>,
    /// True if parts of the expression are not understood.
    pub(crate) is_opaque: bool,
}

/// A comparison of two columns, neither of which is NULL: `left < right`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Relation {
    pub(crate) left: usize,
    pub(crate) comparison: Comparison,
    pub(crate) right: usize,
}

impl Relation {
    /// Returns true if no two values other than NULL are in both relations.
    fn excludes(self, other: Relation) -> bool {
        let orders = |comparison| match comparison {
            Comparison::Equal | Comparison::Is => 0b010,
            Comparison::Unequal | Comparison::IsNot => 0b101,
            Comparison::Less => 0b001,
            Comparison::LessOrEqual => 0b011,
            Comparison::Greater => 0b100,
            Comparison::GreaterOrEqual => 0b110,
        };
        let same = self.left == other.left && self.right == other.right;
        let mirrored = self.left == other.right && self.right == other.left;
        same && orders(self.comparison) & orders(other.comparison) == 0
            || mirrored && orders(self.comparison) & orders(other.comparison.mirrored()) == 0
    }
}

/// The number of branches that are kept. One is enough to fill a table.
pub(super) const MAX_BRANCHES: usize = 24;

impl Branch {
    /// Returns the one branch in which a column has this domain.
    pub(super) fn of(column: usize, domain: Domain) -> Vec<Branch> {
        vec![Branch { domains: vec![(column, domain)], ..Branch::default() }]
    }

    /// Returns the one branch of an expression that is not understood.
    pub(super) fn opaque() -> Vec<Branch> {
        vec![Branch { is_opaque: true, ..Branch::default() }]
    }

    /// Returns no branches, or one that always holds.
    pub(super) fn constant(holds: bool) -> Vec<Branch> {
        if holds { vec![Branch::default()] } else { Vec::new() }
    }

    /// Returns the branch in which both hold, or `None` if they exclude each other.
    pub(crate) fn and(&self, other: &Branch) -> Option<Branch> {
        let mut both = self.clone();
        for (column, domain) in &other.domains {
            match both.domains.iter_mut().find(|(own, _)| own == column) {
                Some((_, own)) => {
                    if !own.narrow(domain) {
                        return None;
                    }
                }
                None => both.domains.push((*column, domain.clone())),
            }
        }
        both.relations.extend(&other.relations);
        let may_be_null = |column| {
            let domain = both.domains.iter().find(|(own, _)| *own == column);
            domain.is_none_or(|(_, domain)| domain.nullability != Nullability::Forbidden)
        };
        let relations = both.relations.iter().enumerate();
        for (at, one) in relations.filter(|(_, one)| !may_be_null(one.left) && !may_be_null(one.right)) {
            if both.relations[..at].iter().any(|other| one.excludes(*other)) {
                return None;
            }
        }
        both.is_opaque |= other.is_opaque;
        Some(both)
    }
}

/// Returns the branches in which one of each side holds.
pub(super) fn product(ones: &[Branch], others: &[Branch]) -> Vec<Branch> {
    let mut branches = Vec::new();
    // Along the diagonals, so that a cut does not remove one side alone.
    for sum in 0..ones.len() + others.len() {
        for one in 0..=sum.min(ones.len().saturating_sub(1)) {
            if branches.len() == MAX_BRANCHES {
                return branches;
            }
            if let (Some(one), Some(other)) = (ones.get(one), others.get(sum - one)) {
                branches.extend(one.and(other));
            }
        }
    }
    branches
}

/// Cuts a list of branches. Those that are understood come first.
pub(super) fn best(mut branches: Vec<Branch>) -> Vec<Branch> {
    branches.order_by_key(|branch| branch.is_opaque);
    branches.truncate(MAX_BRANCHES);
    branches
}
