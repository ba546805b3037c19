//! Queries with the same normal form.

use std::collections::HashMap;

use crate::plan::Plan;
use crate::sql::Name;
use crate::trace::Query;

/// The number of texts of a group that are explained, because `LIKE` and partial indexes are planned by values.
const MOST_TEXTS: usize = 10;

/// Queries with the same normal form.
pub(super) struct Group<'a> {
    pub(super) normalized: String,
    pub(super) queries: Vec<&'a Query>,
}

/// Groups queries by their normal form, in the order of their first runs.
pub(super) fn groups(queries: &[Query]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places = HashMap::new();
    for query in queries {
        let normalized = query.normalized();
        let place = *places.entry(normalized).or_insert_with_key(|normalized| {
            groups.push(Group { normalized: normalized.clone(), queries: Vec::new() });
            groups.len() - 1
        });
        groups[place].queries.push(query);
    }
    groups
}

impl<'a> Group<'a> {
    /// Returns the runs with different values, ten at most. A run with an infinity is returned without values, because SQL
    /// has no literal for it.
    pub(super) fn texts(&self) -> Vec<(&'a Query, &'a str)> {
        let mut found: Vec<(&Query, &str)> = Vec::new();
        for &query in &self.queries {
            let has_infinity = || query.values().iter().any(|value| matches!(value.as_str(), "Inf" | "-Inf"));
            let text = query.expanded().filter(|_| !has_infinity()).unwrap_or(query.sql());
            if found.len() < MOST_TEXTS && !found.iter().any(|(_, known)| *known == text) {
                found.push((query, text));
            }
        }
        found
    }
}

/// A query that scans tables.
pub(super) struct ScanningQuery<'a> {
    pub(super) group: &'a Group<'a>,
    pub(super) query: &'a Query,
    pub(super) plan: Plan,
    pub(super) tables: Vec<Name>,
}
