//! The conditions of a table: its CHECKs, what its triggers refuse, and the expressions that SQLite has to be able to
//! calculate for generated columns and indexes.

use rusqlite::types::Value;

use crate::data::constraints::condition::{Branch, Condition, ConditionKind, MAX_BRANCHES};
use crate::data::constraints::derived::DerivedColumn;
use crate::data::constraints::expression::{self, Comparison, Expression, tokens_sql};
use crate::data::constraints::{documents, trial};
use crate::data::values::domain::{self, Domain, Nullability, Shape};
use crate::schema::{Affinity, Column, Generated, IndexedExpr, Table, Trigger, TriggerText};
use crate::sql::{Token, outside, tokens};

/// Returns the conditions of a table, about columns of these names.
pub(crate) fn of_table(table: &Table, names: &[String]) -> Vec<Condition> {
    let reader = Reader { table, names };
    let mut found: Vec<Condition> =
        table.checks.iter().map(|check| reader.check(check.name.clone(), &check.expression)).collect();
    for trigger in &table.triggers {
        found.extend(reader.refused_by(trigger));
    }
    let is_json = |text: &&str| text.contains("json") || text.contains("->");
    let of_indexes = table.indexes.iter().flat_map(|index| index.terms.iter()).filter_map(|term| match &term.what {
        IndexedExpr::Expression(text) => Some(text.as_str()),
        _ => None,
    });
    for text in of_indexes.filter(is_json) {
        found.push(reader.calculated(text, Nullability::Allowed, ""));
    }
    for column in &table.columns {
        let Some(text) = column.generated.as_ref().map(|generated| generated.expression.as_str()).filter(is_json)
        else {
            continue;
        };
        let refers = table.foreign_keys.iter().flat_map(|key| &key.columns).any(|name| *name == column.name);
        let nullability = match (column.not_null, refers) {
            (true, _) => Nullability::Forbidden,
            // A member of a document cannot take its value from a parent.
            (false, true) => Nullability::Required,
            (false, false) => Nullability::Allowed,
        };
        found.push(reader.calculated(text, nullability, &column.declared_type));
    }
    found
}

/// Returns the condition that a CHECK is not false.
pub(crate) fn of_check(name: Option<String>, text: &str, table: &Table, names: &[String]) -> Condition {
    Reader { table, names }.check(name, text)
}

/// Returns the ways to break a CHECK, as far as it is understood.
pub(crate) fn ways_to_break(text: &str, table: &Table, names: &[String]) -> Vec<Branch> {
    documents::branches(&Reader { table, names }.read(&tokens(text)), false, names.len())
}

/// Returns the name under which SQLite reports a CHECK without a name: its text, or the name at its start if that is
/// quoted.
pub(crate) fn name_in_sqlite_errors(text: &str) -> String {
    match tokens(text).first() {
        Some(first) if text.starts_with(['"', '`', '[', '\'']) => first.name().unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    }
}

/// Reads conditions about the columns of a table.
struct Reader<'t> {
    table: &'t Table,
    /// The columns of the conditions.
    names: &'t [String],
}

impl Reader<'_> {
    fn check(&self, name: Option<String>, text: &str) -> Condition {
        let shown = text.trim().to_owned();
        let expression = self.read(&tokens(&shown));
        let branches = documents::branches(&expression, true, self.names.len());
        let is_exact = branches.len() < MAX_BRANCHES
            && !shown.to_ascii_uppercase().contains("COLLATE")
            && self.is_exact(&expression);
        let condition = Condition::new(ConditionKind::Check, name, shown.clone(), shown, self.names);
        Condition { is_exact, ..condition.understood(expression, branches) }
    }

    /// Returns true if the branches of an expression are all ways to satisfy it: it compares columns with values of their own
    /// types.
    fn is_exact(&self, expression: &Expression) -> bool {
        let column = |at: usize| self.names.get(at).and_then(|name| self.table.column(name));
        let is_plain = |column: &Column| column.collation.eq_ignore_ascii_case("BINARY");
        let fits = |at: usize, value: &Expression| {
            let (Some(column), Expression::Value(value)) = (column(at), value) else { return false };
            match (column.affinity, value) {
                (_, Value::Null) => true,
                (Affinity::Integer | Affinity::Real | Affinity::Numeric, value) => domain::number(value).is_some(),
                (Affinity::Text, Value::Text(_)) | (Affinity::Blob, _) => is_plain(column),
                _ => false,
            }
        };
        match expression {
            Expression::Value(_) => true,
            Expression::Not(inner) => self.is_exact(inner),
            Expression::And(parts) | Expression::Or(parts) => parts.iter().all(|part| self.is_exact(part)),
            Expression::In(left, list) => {
                matches!(&**left, Expression::Column(at) if list.iter().all(|value| fits(*at, value)))
            }
            Expression::Compare(comparison, left, right) => match (&**left, &**right) {
                (Expression::Column(at), value @ Expression::Value(_)) => fits(*at, value),
                (Expression::Column(one), Expression::Column(two)) => match (column(*one), column(*two)) {
                    (Some(one), Some(two)) => one.affinity == two.affinity && is_plain(one) && is_plain(two),
                    _ => false,
                },
                (inner, Expression::Value(Value::Integer(0 | 1))) if *comparison == Comparison::Is => {
                    !matches!(inner, Expression::Value(_)) && self.is_exact(inner)
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn refused_by(&self, trigger: &Trigger) -> Vec<Condition> {
        let text = TriggerText::of(&trigger.sql).filter(|text| text.event == "INSERT");
        let refused = |text: &TriggerText<'_>| -> Vec<Condition> {
            text.statements.iter().filter_map(|statement| self.refused_in(trigger, text, statement)).collect()
        };
        text.as_ref().map_or_else(Vec::new, refused)
    }

    /// Returns the condition that a statement of a trigger does not raise an error, as far as it depends on the row alone.
    fn refused_in(&self, trigger: &Trigger, text: &TriggerText<'_>, statement: &[Token<'_>]) -> Option<Condition> {
        let raise = statement.iter().position(|token| token.is("RAISE"))?;
        let place = |word: &str| outside(statement).find(|(_, token)| token.is(word)).map(|(at, _)| at);
        let mut parts: Vec<&[Token<'_>]> = Vec::new();
        let mut reads_tables = false;
        if !text.when.is_empty() {
            parts.push(&text.when);
        }
        if let Some(when) = statement[..raise].iter().rposition(|token| token.is("WHEN"))
            && let Some(then) = statement[when..raise].iter().position(|token| token.is("THEN"))
        {
            parts.push(&statement[when + 1..when + then]);
        } else if place("FROM").is_some() {
            // The condition depends on other tables.
            return None;
        } else if let Some(at) = place("WHERE") {
            reads_tables = statement.iter().any(|token| token.is("FROM"));
            parts.push(&statement[at + 1..]);
        }
        let tokens = match parts[..] {
            [] => return None,
            [only] => only,
            // A part of WHEN and one of the statement are left to SQLite.
            _ => &[],
        };
        // After the row is inserted, it would be among the rows that the expression reads.
        let is_before = text.timing == "BEFORE";
        let derived_by_trigger = if is_before { DerivedColumn::of_refusal(tokens, self.names) } else { None };
        if derived_by_trigger.is_none() && reads_tables {
            return None;
        }
        let branches = documents::branches(&self.read(tokens), false, self.names.len());
        let shown = parts.iter().map(|part| format!("({})", tokens_sql(part))).collect::<Vec<_>>().join(" AND ");
        let sql = format!("(SELECT ({shown}\n) IS NOT TRUE FROM {} AS NEW)", trial::NAME);
        let condition = Condition::new(ConditionKind::Trigger, Some(trigger.name.to_string()), shown, sql, self.names);
        Some(Condition { derived_by_trigger, ..condition.understood(Expression::Opaque, branches) })
    }

    /// Returns the condition that SQLite can calculate an expression, whose documents have the members that it reads.
    fn calculated(&self, text: &str, nullability: Nullability, declared_type: &str) -> Condition {
        let expression = self.read(&tokens(text));
        let mut documents = Vec::new();
        json_columns(&expression, &mut documents);
        let json = |column: &usize| (*column, Domain::of_shape(Shape::Json(None)));
        let any = Branch { domains: documents.iter().map(json).collect(), ..Branch::default() };
        let with_members = documents::with_members(&expression, self.names.len(), nullability, declared_type);
        let branch = with_members.and_then(|members| any.and(&members)).unwrap_or(any);
        let sql = match nullability {
            Nullability::Forbidden => format!("({text}\n) IS NOT NULL"),
            // True for every result; only an error fails.
            Nullability::Allowed | Nullability::Required => format!("typeof({text}\n) <> ''"),
        };
        Condition::new(ConditionKind::Expression, None, text.to_owned(), sql, self.names)
            .understood(Expression::Opaque, vec![branch])
    }

    /// Reads an expression, in which generated columns are replaced by their expressions.
    fn read(&self, tokens: &[Token<'_>]) -> Expression {
        let generated: Vec<(&Column, &Generated)> =
            self.table.columns.iter().filter_map(|column| Some((column, column.generated.as_ref()?))).collect();
        let own = self.names.len();
        let mut names = self.names.to_vec();
        names.extend(generated.iter().map(|(column, _)| column.name.to_string()));
        let mut expression = expression::parse_tokens(tokens, &names);
        // A generated column may use others, but not in a circle.
        for _ in 0..=generated.len() {
            expression = expression.replaced(&mut |one| match one {
                Expression::Column(at) if *at >= own => {
                    Some(expression::parse(&generated[at - own].1.expression, &names))
                }
                _ => None,
            });
        }
        expression
    }
}

/// Adds the columns that functions read as JSON.
fn json_columns(expression: &Expression, found: &mut Vec<usize>) {
    expression.parts().into_iter().for_each(|part| json_columns(part, found));
    if let Expression::Call(name, arguments) = expression
        && let Some(first) = arguments.first()
        && (name.starts_with("json") || name.starts_with("->"))
    {
        first.columns(found);
    }
}
