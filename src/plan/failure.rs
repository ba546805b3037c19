//! The reports of plans that are not as they were asserted.

use super::advice::{self, Goal, Remedies};
use super::query_plan::{Plan, PlanSource};
use super::tree::{self, Effect, Node, Origin, Scan, Step};
use super::why_not::{self, WhyNot};
use crate::error::{Error, ErrorKind};
use crate::order::Order as _;
use crate::report::{count, nearest};
use crate::sql::{Name, TokenKind, tokens};

/// The reasons that indexes are not used: for lines of the plan, and for those that triggers run.
#[derive(Default)]
struct Reasons {
    of_lines: Vec<WhyNot>,
    of_triggers: Vec<WhyNot>,
}

impl Plan {
    /// Returns a report with this plan, in which the flagged lines are marked and explained.
    pub(crate) fn failure(&self, headline: impl Into<String>, is_flagged: &dyn Fn(&Node) -> bool) -> Error {
        let of_lines = why_not::of_flagged(self, &is_flagged);
        let reasons = Reasons { of_lines, of_triggers: why_not::of_triggers(self, &is_flagged) };
        self.report(headline.into(), reasons, is_flagged)
    }

    /// Offers, in a report about this plan, the indexes that do without its scans.
    pub(crate) fn offer_indexes(&self, error: Error) -> Error {
        let scanned = self.all().filter(|node| node.is_scan());
        let tables: Vec<Name> = scanned.filter_map(|node| node.table.as_deref()).map(Name::from).collect();
        if tables.is_empty() { error } else { advice::offer(error, &advice::remedies(self, &Goal::Scans(tables))) }
    }

    /// Writes each reason that an index is not used below the first flagged line of its table, or of a sort.
    fn report(&self, headline: String, mut reasons: Reasons, is_flagged: &dyn Fn(&Node) -> bool) -> Error {
        let mark = |node: &Node| if is_flagged(node) { "> " } else { "" };
        let mut lines: Vec<String> = Vec::new();
        for (depth, node) in tree::walk(&self.nodes) {
            lines.push(format!("{}{}", mark(node), tree::line(depth, &node.text)));
            if is_flagged(node) {
                let of_node =
                    reasons.of_lines.extract_if(.., |why| node.is_of(&why.table) || node.sort_purpose().is_some());
                lines.extend(of_node.map(|why| tree::line(depth + 1, &format!("{why:#}"))));
            }
        }
        if lines.is_empty() {
            lines.push("(the statement itself reads no table)".to_owned());
        }
        let version = self.sqlite_version();
        let mut error = Error::new(ErrorKind::Plan, headline)
            .sql(&self.sql)
            .evidence(format!("plan (SQLite {version})"), lines.join("\n"));
        if !self.effects.is_empty() {
            let mut lines: Vec<String> = Vec::new();
            for Effect { node, origin } in &self.effects {
                lines.push(format!("{}{}   in {origin}", mark(node), tree::line(0, &node.text)));
                if is_flagged(node) && matches!(origin, Origin::Trigger(_)) {
                    let of_node = reasons.of_triggers.extract_if(.., |why| node.is_of(&why.table));
                    lines.extend(of_node.map(|why| tree::line(1, &format!("{why:#}"))));
                }
            }
            error = error.evidence("also runs", lines.join("\n"));
        }
        notes(self, &is_flagged).into_iter().fold(error, Error::note)
    }
}

/// Returns the report of flagged scans of whole tables.
pub(super) fn scans(plan: &Plan, tables: &[&str], remedies: &Remedies, is_flagged: &dyn Fn(&Node) -> bool) -> Error {
    let headline = match tables {
        [table] => format!("query plan scans a whole table: {table}"),
        tables => format!("query plan scans whole tables: {}", tables.join(", ")),
    };
    let mut error = advice::offer(plan.failure(headline, is_flagged), remedies);
    if remedies.is_empty() && looks_within_texts(&plan.sql) {
        error = error.note(WITHIN_TEXTS);
    }
    tables.iter().fold(error, |error, table| {
        error.help(format!("if the scan is meant, say so before: .allow_scan({table:?}).assert_no_scan()"))
    })
}

/// Returns true if a statement looks for texts by a LIKE whose pattern begins with a wildcard, and does not leave them out.
fn looks_within_texts(sql: &str) -> bool {
    let tokens = tokens(sql);
    let is_pattern = |at: usize| {
        let Some(pattern) = tokens.get(at).filter(|token| token.kind == TokenKind::Text) else { return false };
        let is_built = tokens.get(at + 1).is_some_and(|token| token.is_symbol("||"));
        pattern.text.starts_with("'%") && (pattern.text != "'%'" || is_built)
    };
    (1..tokens.len()).any(|at| tokens[at].is("like") && !tokens[at - 1].is("not") && is_pattern(at + 1))
}

const WITHIN_TEXTS: &str = "no index finds what stands within a text, LIKE '%..': an FTS5 table with tokenize = 'trigram' does, from three characters on";

/// Returns the report of an index that is not used.
pub(super) fn not_used(plan: &Plan, why: WhyNot) -> Error {
    let (headline, table) = (format!("query plan does not use the index {}", why.index), why.table.clone());
    let mut reasons = Reasons::default();
    reasons.of_lines.extend(Some(why).filter(|why| !why.reasons.is_empty()));
    plan.report(headline, reasons, &|node| node.is_of(&table))
}

/// Adds to the report of a plan without statistics that it has one under those of few rows.
pub(super) fn avoided_by_few_rows(error: Error, plan: &Plan) -> Error {
    let few = plan.tables_of_few_rows().into_iter().map(|(table, rows)| format!("{} of {table}", count(rows, "row")));
    error.evidence("plan under the statistics of this database", plan.to_string()).note(format!(
        "the scan is avoided only by statistics of {}, and production has other statistics: {PLAN_OTHERWISE}",
        few.collect::<Vec<_>>().join(" and ")
    ))
}

/// Returns the report of temporary b-trees.
pub(super) fn sorts(plan: &Plan, purposes: &[&str], remedies: &Remedies) -> Error {
    let headline = match purposes {
        [] => "query plan uses a temporary b-tree".to_owned(),
        purposes => format!("query plan uses a temporary b-tree: {}", purposes.join(", ")),
    };
    advice::offer(plan.failure(headline, &|node| node.sort_purpose().is_some()), remedies)
}

/// Returns the report of a name that nothing has: a plan without it would pass forever.
pub(super) fn unknown(plan: &Plan, kind: &str, name: &str) -> Error {
    let error = Error::new(ErrorKind::Plan, format!("there is no {kind} {name}")).sql(&plan.sql);
    let mut names = plan.catalog.names(kind);
    names.retain(|name| !name.starts_with("sqlite_stat"));
    names.order();
    match (nearest(name, names.iter().copied()), names.as_slice()) {
        (Some(near), _) => error.help(format!("did you mean {near}?")),
        (None, []) => error,
        (None, names) => error.evidence(if kind == "index" { "indexes" } else { "tables" }, names.join("\n")),
    }
}

fn notes(plan: &Plan, is_flagged: &dyn Fn(&Node) -> bool) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for node in plan.all() {
        let table = node.table.as_deref().unwrap_or_default();
        if let Some(Scan::PartialIndex(index)) = &node.scan {
            notes.push(format!(
                "reading all of {index} does not count as a scan of {table}: it is a partial index, and has only the rows of its WHERE"
            ));
        }
        if !is_flagged(node) {
            continue;
        }
        match &node.scan {
            Some(Scan::Index(index)) => {
                notes.push(format!("the scan reads the index {index}, which has all rows of {table}"));
            }
            Some(Scan::FilteredPartialIndex(index)) => notes.push(format!(
                "the scan reads all of the partial index {index}, and a condition that is not in its WHERE, or an OFFSET, leaves out rows of it"
            )),
            Some(Scan::ForAutomaticIndex) => notes
                .push(format!("SQLite reads all of {table} to build an automatic index, each time the statement runs")),
            Some(Scan::VirtualTable) => {
                notes.push(format!("the module of {table} was given nothing to search by"));
            }
            _ => {}
        }
        let prints_search = matches!(&node.step, Step::Search(access) if access.constraint.is_none());
        if prints_search && matches!(node.scan, Some(Scan::Table | Scan::Index(_))) {
            notes.push(format!("SQLite prints SEARCH for a min() or max() of {table}, but reads all of it"));
        }
        notes.extend(note_on_few_rows(plan, node, is_flagged));
    }
    if plan.source == PlanSource::Text {
        notes.push(format!(
            "this is based on the text of the plan alone, because the bytecode of SQLite {} is not known",
            plan.sqlite_version()
        ));
    }
    notes.dedup();
    notes
}

/// Explains a flagged line by statistics of few rows, unless a line on the same table is flagged without them too.
fn note_on_few_rows(plan: &Plan, node: &Node, is_flagged: &dyn Fn(&Node) -> bool) -> Option<String> {
    let table = node.table.as_deref()?;
    let gathered = format!("statistics were gathered on {} of {table}", count(plan.catalog.few_rows(table)?, "row"));
    let Some(without) = &plan.without_statistics else {
        return Some(format!("{gathered}, and SQLite scans so few rows where it would search many: {PLAN_OTHERWISE}"));
    };
    let lines: Vec<&Node> = without.all().filter(|node| node.is_of(table)).collect();
    let first = lines.first().map_or_else(String::new, |node| format!(" ({})", node.text));
    (!lines.into_iter().any(is_flagged))
        .then(|| format!("{gathered}, and the plan without them is different{first}: {PLAN_OTHERWISE}"))
}

/// Advice against a fixture's statistics.
const PLAN_OTHERWISE: &str = "run no ANALYZE and no PRAGMA optimize on the test's database (to undo them: DELETE FROM sqlite_stat1, then reopen it), or plan with production's statistics: Template::stats";

/// The note on a scan that is gone without the OFFSET of the statement.
pub(super) const OFFSET: &str = "OFFSET reads all rows that it skips, and without it nothing is scanned (tried); a page that begins behind the last row of the page before skips none, such as WHERE id > ?1 ORDER BY id LIMIT 10";
