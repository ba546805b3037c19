//! A plan in words that are the same for all versions of SQLite, for snapshots.

use super::query_plan::Plan;
use super::tree::{self, Access, AccessPath, Node, Step};
use crate::sql::{Name, tokens};

impl Plan {
    /// Returns the plan for a snapshot: the same text for the same plan on SQLite 3.45 to 3.54.
    ///
    /// Bloom filters are left out because they depend on the version and on statistics. Subqueries are numbered from 1 in
    /// the order in which they are mentioned, `CO-ROUTINE` becomes `MATERIALIZE`, and the choice of a virtual table's module
    /// becomes `?`.
    pub fn normalized(&self) -> String {
        let lines = self.normal_lines().into_iter().map(|(_, line)| line);
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Returns the lines of [`normalized`](Plan::normalized), each with true if it scans a table.
    fn normal_lines(&self) -> Vec<(bool, String)> {
        let mut numbers = Numbers::default();
        let lines = tree::walk(&self.nodes).into_iter().filter_map(|(depth, node)| {
            let text = normal(node, &mut numbers)?;
            Some((node.is_scan(), tree::line(depth, &text)))
        });
        lines.collect()
    }

    /// Returns the normalized lines with the scans marked, and the scans of triggers and foreign-key actions that SQLite does
    /// not print.
    pub(crate) fn marked_lines(&self) -> Vec<String> {
        let mut lines = self.normal_lines();
        for effect in self.effects.iter().filter(|effect| effect.node.is_scan()) {
            if let Some(text) = normal(&effect.node, &mut Numbers::default()) {
                lines.push((true, format!("{}   in {}", tree::line(0, &text), effect.origin)));
            }
        }
        lines.into_iter().map(|(scans, line)| format!("{}{line}", if scans { "> " } else { "  " })).collect()
    }

    /// Returns true if SQLite may plan the statement differently when it knows the values of its parameters. It compares them
    /// with the WHERE of a partial index, looks them up in the samples of ANALYZE, and searches by the prefix of a LIKE or
    /// GLOB.
    pub(crate) fn depends_on_values(&self) -> bool {
        let reads = |table: &Name| self.lines().any(|node| node.table.as_deref().is_some_and(|name| table == name));
        !self.catalog.statistics.samples.is_empty()
            || self.catalog.objects.iter().any(|object| object.partial && reads(&object.table))
            || tokens(&self.sql).iter().any(|token| token.is("LIKE") || token.is("GLOB"))
    }
}

fn normal(node: &Node, numbers: &mut Numbers) -> Option<String> {
    Some(match &node.step {
        Step::BloomFilter(_) => return None,
        Step::Scan(access) => format!("SCAN {}", normal_access(access, numbers)),
        Step::Search(access) => format!("SEARCH {}", normal_access(access, numbers)),
        Step::ConstantRows(1) => "SCAN CONSTANT ROW".to_owned(),
        Step::ConstantRows(count) => format!("SCAN {count} CONSTANT ROWS"),
        Step::TempBTree(purpose) => format!("USE TEMP B-TREE FOR {}", normal_purpose(purpose)),
        Step::Subquery { kind, number, correlated, reused } => {
            let reused = if *reused { "REUSE " } else { "" };
            let correlated = if *correlated { "CORRELATED " } else { "" };
            format!("{reused}{correlated}{kind} SUBQUERY {}", numbers.of(&number.to_string()))
        }
        Step::CoRoutine(name) | Step::Materialize(name) => format!("MATERIALIZE {}", numbers.in_name(name)),
        Step::RightJoin(name) => format!("RIGHT-JOIN {}", numbers.in_name(name)),
        _ => node.text.clone(),
    })
}

fn normal_access(access: &Access, numbers: &mut Numbers) -> String {
    let printed = access.alias.as_deref().unwrap_or(&access.name);
    let mut text = numbers.in_name(printed);
    if access.exists {
        text.push_str(" EXISTS");
    }
    match &access.path {
        AccessPath::Table => {}
        AccessPath::Index { name, covering: true } => text.push_str(&format!(" USING COVERING INDEX {name}")),
        AccessPath::Index { name, covering: false } => text.push_str(&format!(" USING INDEX {name}")),
        AccessPath::Automatic { partial: true } => text.push_str(" USING AUTOMATIC PARTIAL COVERING INDEX"),
        AccessPath::Automatic { partial: false } => text.push_str(" USING AUTOMATIC COVERING INDEX"),
        AccessPath::PrimaryKey => text.push_str(" USING PRIMARY KEY"),
        AccessPath::Rowid => text.push_str(" USING INTEGER PRIMARY KEY"),
        AccessPath::Virtual { .. } => text.push_str(" VIRTUAL TABLE INDEX ?"),
    }
    if let Some(constraint) = &access.constraint {
        text.push_str(&format!(" ({constraint})"));
    }
    if access.left_join {
        text.push_str(" LEFT-JOIN");
    }
    text
}

/// `RIGHT PART OF ORDER BY`, as SQLite prints it until 3.45, is `LAST TERM OF ORDER BY` or `LAST 2 TERMS` from 3.46 on.
fn normal_purpose(purpose: &str) -> String {
    match purpose.split_once(" OF ") {
        Some((part, whole)) if part == "RIGHT PART" || part.starts_with("LAST ") => format!("LAST TERMS OF {whole}"),
        _ => purpose.to_owned(),
    }
}

/// New numbers for subqueries. SQLite's own change with its optimizations.
#[derive(Default)]
struct Numbers {
    seen: Vec<String>,
}

impl Numbers {
    fn of(&mut self, number: &str) -> usize {
        let at = self.seen.iter().position(|seen| seen == number).unwrap_or_else(|| {
            self.seen.push(number.to_owned());
            self.seen.len() - 1
        });
        at + 1
    }

    /// Renumbers `(subquery-7)` and `(join-7)`, which SQLite prints for subqueries and joins without a name.
    fn in_name(&mut self, name: &str) -> String {
        for kind in ["subquery", "join"] {
            let number = name.strip_prefix('(').and_then(|rest| rest.strip_prefix(kind)).and_then(|rest| {
                rest.strip_prefix('-')?.strip_suffix(')').filter(|number| number.chars().all(|c| c.is_ascii_digit()))
            });
            if let Some(number) = number {
                return format!("({kind}-{})", self.of(number));
            }
        }
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Numbers, normal};
    use crate::plan::parse::{Hints, step};
    use crate::plan::tree::Node;

    #[track_caller]
    fn check(old: bool, lines: &[(&str, &str)]) {
        let mut numbers = Numbers::default();
        for (line, expected) in lines {
            let node = Node::new(*line, step(line, Hints { indexes: &[], old }));
            assert_eq!(normal(&node, &mut numbers).unwrap_or_default(), *expected);
        }
    }

    #[test]
    fn one_plan_reads_the_same_in_all_versions() {
        check(
            true,
            &[
                ("SCAN TABLE orders AS o", "SCAN o"),
                ("SEARCH TABLE t USING INDEX i (a=?)", "SEARCH t USING INDEX i (a=?)"),
            ],
        );
        check(
            false,
            &[
                ("CO-ROUTINE (subquery-7)", "MATERIALIZE (subquery-1)"),
                ("BLOOM FILTER ON t (a=?)", ""),
                ("CORRELATED SCALAR SUBQUERY 3", "CORRELATED SCALAR SUBQUERY 2"),
                ("SCAN (subquery-7)", "SCAN (subquery-1)"),
                ("REUSE LIST SUBQUERY 3", "REUSE LIST SUBQUERY 2"),
                ("SCAN f VIRTUAL TABLE INDEX 0:M1 LEFT-JOIN", "SCAN f VIRTUAL TABLE INDEX ? LEFT-JOIN"),
                ("SCAN 3-ROW VALUES CLAUSE", "SCAN 3 CONSTANT ROWS"),
                ("USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", "USE TEMP B-TREE FOR LAST TERMS OF ORDER BY"),
                ("USE TEMP B-TREE FOR LAST TERM OF ORDER BY", "USE TEMP B-TREE FOR LAST TERMS OF ORDER BY"),
                ("USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY", "USE TEMP B-TREE FOR LAST TERMS OF ORDER BY"),
                ("SOMETHING NEW", "SOMETHING NEW"),
            ],
        );
    }
}
