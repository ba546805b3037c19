//! A branch: one way to satisfy an expression.

use rusqlite::types::Value;

use crate::data::constraints::expression::Comparison;
use crate::data::values::domain::Domain;

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

/// The number of branches that are kept. One is enough to fill a table.
pub(super) const MAX_BRANCHES: usize = 24;

impl Branch {
    /// Returns the one branch in which a column has this domain.
    pub(super) fn of(column: usize, domain: Domain) -> Vec<Branch> {
        vec![Branch { domains: vec![(column, domain)], ..Branch::default() }]
    }

    /// Returns the one branch in which a column has this value.
    pub(super) fn of_value(column: usize, value: Value) -> Vec<Branch> {
        Branch::of(column, Domain::of_choices(vec![value]))
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
    branches.sort_by_key(|branch| branch.is_opaque);
    branches.truncate(MAX_BRANCHES);
    branches
}
