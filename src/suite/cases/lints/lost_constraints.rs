//! Constraints that a rebuild leaves out without saying so.
//!
//! A rebuild that does nothing but drop constraints was made to drop them: that is for review. So is an expression that it
//! changes. Losing NOT NULL is never a finding: that is what most rebuilds are for.

use crate::check::Level;
use crate::order::Order as _;
use crate::schema::{Column, Difference, ForeignKey, ForeignKeyAction, IndexedColumn, IndexedExpr, SchemaDiff, Table};
use crate::sql::{Name, Token, TokenKind, listed, plain_name, tokens, unquoted};

/// Constraints as [`SchemaDiff`] calls them.
const CONSTRAINTS: [&str; 8] =
    ["CHECK", "CONSTRAINT", "UNIQUE", "FOREIGN KEY", "REFERENCES", "COLLATE", "AUTOINCREMENT", "STRICT"];

/// A constraint that is gone or another one after a rebuild.
pub(crate) struct LostConstraint {
    pub(crate) code: &'static str,
    pub(crate) level: Level,
    pub(crate) object: String,
    /// The change by the rebuild: `loses UNIQUE (title)`.
    pub(crate) what: String,
    pub(crate) cost: String,
}

/// The differences of a table before and after its rebuild.
pub(crate) struct RebuildDiff<'a> {
    before: &'a Table,
    after: &'a Table,
    differences: Vec<&'a Difference>,
}

impl<'a> RebuildDiff<'a> {
    /// `diff` is that of the whole schema.
    pub(crate) fn of(before: &'a Table, after: &'a Table, diff: &'a SchemaDiff) -> RebuildDiff<'a> {
        // A difference quotes the names that need it.
        let of_table = format!("table {}", plain_name(&before.name));
        let of_column = format!("{}.", plain_name(&before.name));
        let is_of_it =
            |difference: &&Difference| difference.object() == of_table || difference.object().starts_with(&of_column);
        RebuildDiff { before, after, differences: diff.iter().filter(is_of_it).collect() }
    }

    /// Returns the level of a loss: a rebuild that does nothing else is meant to do it.
    pub(crate) fn level(&self) -> Level {
        let lost = lost_actions(self.before, self.after);
        let is_weaker = |difference: &&Difference| match difference.what().split_once(" became ") {
            Some((was, _)) => is_reference(was) && !lost.is_empty(),
            None => difference.what().strip_suffix(" dropped").is_some_and(|what| {
                what.starts_with("DEFAULT") || CONSTRAINTS.iter().any(|constraint| what.starts_with(constraint))
            }),
        };
        if self.differences.iter().all(is_weaker) { Level::Review } else { Level::Error }
    }

    /// Finds the constraints that the table lost in its rebuild, and the expressions that changed.
    pub(crate) fn lost(&self) -> Vec<LostConstraint> {
        let mut found = lost_actions(self.before, self.after);
        for difference in &self.differences {
            let Some(what) = difference.what().strip_suffix(" dropped") else { continue };
            if is_lost(self.before, self.after, what) {
                found.push(lost_constraint(self.object(difference), what));
            }
        }
        found.extend(self.differences.iter().filter_map(|difference| self.lost_default(difference)));
        let level = self.level();
        for lost in &mut found {
            lost.level = lost.level.min(level);
        }
        found.extend(self.differences.iter().filter_map(|difference| self.changed(difference)));
        found
    }

    /// Finds the DEFAULT of a column that is gone. Without NOT NULL, an INSERT that omits the column still works.
    fn lost_default(&self, difference: &Difference) -> Option<LostConstraint> {
        let what = difference.what().strip_suffix(" dropped").filter(|what| what.starts_with("DEFAULT"))?;
        let (column, is) = self.column(difference)?;
        let (level, cost) = match column.not_null && is.not_null {
            true => (Level::Error, "an INSERT that omits the column fails from now on"),
            false => (Level::Review, "an INSERT that omits the column stores NULL from now on"),
        };
        Some(self.of_column(column, level, &format!("loses {what} of {}", plain_name(&column.name)), cost))
    }

    /// Finds an expression of a column that is another one.
    fn changed(&self, difference: &Difference) -> Option<LostConstraint> {
        let (was, is) = match difference.what().split_once(" became ") {
            Some(both) => both,
            None => (difference.what().strip_suffix(" dropped").filter(|was| was.starts_with("GENERATED"))?, "plain"),
        };
        let (column, _) = self.column(difference)?;
        let cost = if was.starts_with("DEFAULT") && plain_default(was) != plain_default(is) {
            "an INSERT that omits the column stores another value from now on"
        } else if was.starts_with("GENERATED") && plain_generated(was) != plain_generated(is) {
            "the column has other values from now on"
        } else {
            return None;
        };
        let what = format!("changes {was} of {} to {is}", plain_name(&column.name));
        Some(self.of_column(column, Level::Review, &what, cost))
    }

    fn column_before(&self, difference: &Difference) -> Option<&'a Column> {
        let name = difference.object().strip_prefix(&format!("{}.", plain_name(&self.before.name)))?;
        self.before.columns.iter().find(|column| plain_name(&column.name) == name)
    }

    /// Returns what an allowance has to name.
    fn object(&self, difference: &Difference) -> String {
        match self.column_before(difference) {
            Some(column) => format!("{}.{}", self.before.name, column.name),
            None => self.before.name.to_string(),
        }
    }

    /// Returns the column that differs, before and after, if its type is the same.
    fn column(&self, difference: &Difference) -> Option<(&'a Column, &'a Column)> {
        let column = self.column_before(difference)?;
        let is = self.after.column(&column.name).filter(|is| is.declared_type == column.declared_type)?;
        Some((column, is))
    }

    fn of_column(&self, column: &Column, level: Level, what: &str, cost: &str) -> LostConstraint {
        LostConstraint {
            code: "rebuild-loses-objects",
            level,
            object: format!("{}.{}", self.before.name, column.name),
            what: what.to_owned(),
            cost: cost.to_owned(),
        }
    }
}

/// Returns a generated expression without where its values are kept.
fn plain_generated(text: &str) -> &str {
    text.trim_end_matches(" STORED").trim_end_matches(" VIRTUAL")
}

/// Returns a DEFAULT in one of the spellings that mean the same.
fn plain_default(text: &str) -> String {
    let mut text = text.trim_start_matches("DEFAULT").trim().to_owned();
    while let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        text = inner.trim().to_owned();
    }
    match text.to_ascii_lowercase().as_str() {
        "true" => String::from("1"),
        "false" => String::from("0"),
        "datetime('now')" | "datetime ('now')" => String::from("CURRENT_TIMESTAMP"),
        _ => text,
    }
}

fn lost_constraint(object: String, what: &str) -> LostConstraint {
    let (code, cost) = match is_reference(what) {
        true => ("fk-dropped", "rows with dangling references are accepted from now on"),
        false => (
            "rebuild-loses-objects",
            "the new table accepts rows that the old one refused, or compares values differently",
        ),
    };
    LostConstraint { code, level: Level::Error, object, what: format!("loses {what}"), cost: cost.to_owned() }
}

/// Returns true if nothing in the new table does what this constraint did.
fn is_lost(before: &Table, after: &Table, what: &str) -> bool {
    let names: Vec<String> = tokens(what).iter().filter_map(Token::name).collect();
    // A column that is gone or of another type needs other constraints, or none.
    let is_other =
        |column: &Column| after.column(&column.name).is_none_or(|twin| twin.declared_type != column.declared_type);
    let is_with_column =
        before.columns.iter().any(|column| names.iter().any(|name| column.name == *name) && is_other(column));
    let is_kept = check_is_kept(what, before, after)
        || is_of_generated(what, after)
        || (what.starts_with("UNIQUE") && uniqueness_is_kept(before, after))
        || (is_reference(what) && references_are_kept(before, after));
    CONSTRAINTS.iter().any(|constraint| what.starts_with(constraint)) && !is_with_column && !is_kept
}

fn is_reference(what: &str) -> bool {
    what.contains("FOREIGN KEY") || what.contains("REFERENCES")
}

/// Finds actions of foreign keys that are still there, and that they wait for COMMIT.
fn lost_actions(before: &Table, after: &Table) -> Vec<LostConstraint> {
    let action_name = |action: ForeignKeyAction| match action {
        ForeignKeyAction::Cascade => Some("CASCADE"),
        ForeignKeyAction::SetNull => Some("SET NULL"),
        ForeignKeyAction::SetDefault => Some("SET DEFAULT"),
        ForeignKeyAction::NoAction | ForeignKeyAction::Restrict => None,
    };
    let mut lost = Vec::new();
    for key in &before.foreign_keys {
        let Some(is) = after.foreign_keys.iter().find(|is| has_same_columns(key, is)) else { continue };
        let columns = listed(&key.columns);
        let parent = plain_name(&key.parent);
        let mut push = |what: String, cost: String| {
            lost.push(LostConstraint {
                code: "fk-dropped",
                level: Level::Error,
                object: format!("{}.{columns}", before.name),
                what: format!("loses {what} of {columns}"),
                cost,
            });
        };
        if let (Some(action), None) = (action_name(key.on_delete), action_name(is.on_delete)) {
            let cost = format!("a row of {parent} that is referred to cannot be deleted from now on");
            push(format!("ON DELETE {action}"), cost);
        }
        if let (Some(action), None) = (action_name(key.on_update), action_name(is.on_update)) {
            let cost = format!("the key of a row of {parent} that is referred to cannot be changed from now on");
            push(format!("ON UPDATE {action}"), cost);
        }
        if key.deferred && !is.deferred {
            let cost = format!("a row that is written before its row of {parent} is refused at once from now on");
            push(String::from("DEFERRABLE INITIALLY DEFERRED"), cost);
        }
    }
    lost
}

/// Returns true if it is a CHECK that is there under another name.
fn check_is_kept(what: &str, before: &Table, after: &Table) -> bool {
    let is_it = |expression: &str| what.contains("CHECK") && what.ends_with(&format!("({expression})"));
    let is_kept = |expression: &str| {
        after.checks.iter().any(|check| check.expression == expression) || is_of_strict(expression, after)
    };
    before.checks.iter().any(|check| is_it(&check.expression) && is_kept(&check.expression))
}

/// Returns true if a CHECK says what a column is that is generated now: `total = qty * cents`.
fn is_of_generated(what: &str, table: &Table) -> bool {
    let parts = tokens(what);
    let start = parts.iter().position(|token| token.is("CHECK")).map_or(parts.len(), |at| at + 1);
    let [_, check @ .., _] = &parts[start..] else { return false };
    let is_same = |these: &[Token<'_>], others: &[Token<'_>]| {
        let is_pair = |(one, other): (&Token<'_>, &Token<'_>)| match one.kind {
            TokenKind::Word => one.text.eq_ignore_ascii_case(other.text),
            _ => one.text == other.text,
        };
        these.len() == others.len() && these.iter().zip(others).all(is_pair)
    };
    table.columns.iter().any(|column| {
        let Some(generated) = &column.generated else { return false };
        let expression = tokens(&generated.expression);
        let is_column = |name: &Token<'_>, equals: &Token<'_>| {
            name.name().is_some_and(|name| column.name == name) && (equals.text.starts_with('=') || equals.is("IS"))
        };
        let is_first =
            matches!(check, [name, equals, rest @ ..] if is_column(name, equals) && is_same(rest, &expression));
        is_first || matches!(check, [rest @ .., equals, name] if is_column(name, equals) && is_same(rest, &expression))
    })
}

/// Returns true if a CHECK allows the one type that the columns of a STRICT table have anyway: `typeof(n) = 'integer'`.
fn is_of_strict(expression: &str, table: &Table) -> bool {
    let tokens = tokens(expression);
    let [call, open, column, close, equals, kind] = tokens.as_slice() else { return false };
    let is_typeof = call.is("typeof") && open.is_symbol("(") && close.is_symbol(")") && equals.text.starts_with('=');
    let column = column.name().and_then(|name| table.column(&name)).filter(|_| is_typeof && table.strict);
    column.is_some_and(|column| {
        let declared = column.declared_type.to_ascii_lowercase();
        unquoted(kind.text) == if declared == "int" { "integer" } else { &declared }
    })
}

/// Returns true if all foreign keys are there, perhaps with their columns in another order.
fn references_are_kept(before: &Table, after: &Table) -> bool {
    let is_same = |one: &ForeignKey, other: &ForeignKey| {
        (one.on_delete, one.on_update, one.deferred) == (other.on_delete, other.on_update, other.deferred)
            && (has_same_columns(one, other) || is_within(one, other, after))
    };
    before.foreign_keys.iter().all(|key| after.foreign_keys.iter().any(|other| is_same(key, other)))
}

/// Returns true if a key of more columns, none of which may be NULL, has the columns of this one: `(tenant, project)`.
fn is_within(one: &ForeignKey, other: &ForeignKey, table: &Table) -> bool {
    let has = |pair| other.columns.iter().zip(other.parent_columns.iter().flatten()).any(|it| it == pair);
    let is_required = |column: &Name| table.column(column).is_some_and(|column| column.not_null);
    one.parent == other.parent
        && one.parent_columns.is_some()
        && one.columns.iter().zip(one.parent_columns.iter().flatten()).all(has)
        && other.columns.iter().filter(|column| !one.columns.contains(column)).all(is_required)
}

/// Returns true if the same columns refer to the same ones, in any order.
fn has_same_columns(one: &ForeignKey, other: &ForeignKey) -> bool {
    let pairs = |key: &ForeignKey| {
        let parents = key.parent_columns.iter().flatten().map(Some).chain(std::iter::repeat(None));
        let mut pairs: Vec<_> =
            key.columns.iter().zip(parents).map(|(column, parent)| (column.clone(), parent.cloned())).collect();
        pairs.order();
        pairs
    };
    one.parent == other.parent && pairs(one) == pairs(other)
}

/// Returns true if each UNIQUE constraint is kept by the primary key or an index.
fn uniqueness_is_kept(before: &Table, after: &Table) -> bool {
    let columns =
        |terms: &[IndexedColumn]| -> Vec<IndexedExpr> { terms.iter().map(|term| term.what.clone()).collect() };
    let keys = after.unique.iter().chain(&after.primary_key).map(|key| columns(&key.terms));
    let indexes = after.indexes.iter().filter(|index| index.unique && index.partial.is_none());
    let kept: Vec<_> = keys.chain(indexes.map(|index| columns(&index.terms))).collect();
    before.unique.iter().all(|key| kept.contains(&columns(&key.terms)))
}
