//! What every row of a table has to satisfy: its CHECKs, what its triggers refuse, and that what SQLite calculates from it
//! for generated columns and indexes can be calculated.

use crate::data::constraints::cluster::Condition;
use crate::data::constraints::derived::Derived;
use crate::data::constraints::documents;
use crate::data::constraints::domain::{Domain, Nullability, Shape};
use crate::data::constraints::evaluator;
use crate::data::constraints::expression::Expression;
use crate::data::constraints::solve::Branch;
use crate::schema::{Column, Generated, IndexedExpr, Table, TriggerText};
use crate::sql::{Token, tokens};

/// The conditions of a table, about columns of these names.
pub(crate) fn of_table(table: &Table, names: &[String]) -> Vec<Condition> {
    let mut found = Vec::new();
    for check in &table.checks {
        found.push(of_check(check.name.clone(), &check.expression, table, names));
    }
    for trigger in &table.triggers {
        let Some(text) = TriggerText::of(&trigger.sql) else { continue };
        for (tokens, shown, reads_tables) in refusals(&text) {
            // Behind the row it is among the rows that are read.
            let derived_by_trigger = if text.timing == "BEFORE" { Derived::told(&tokens, names) } else { None };
            if derived_by_trigger.is_none() && reads_tables {
                // What it finds there decides.
                continue;
            }
            let branches = documents::branches(&read(&tokens, table, names), false, names.len());
            let sql = format!("(SELECT ({shown}\n) IS NOT TRUE FROM {} AS NEW)", evaluator::NAME);
            let name = Some(trigger.name.to_string());
            let condition = Condition::of("trigger", name, shown, sql, names, Expression::Opaque, branches);
            found.push(Condition { derived_by_trigger, ..condition });
        }
    }
    let is_json = |text: &String| text.contains("json") || text.contains("->");
    let of_indexes = table.indexes.iter().flat_map(|index| index.terms.iter()).filter_map(|term| match &term.what {
        IndexedExpr::Expression(text) => Some(text),
        _ => None,
    });
    for text in of_indexes.filter(|text| is_json(text)) {
        let expression = read(&tokens(text), table, names);
        found.extend(documents_of(&expression, text, names, Nullability::Allowed, ""));
    }
    for column in &table.columns {
        let Some(generated) = column.generated.as_ref().filter(|generated| is_json(&generated.expression)) else {
            continue;
        };
        let refers = table.foreign_keys.iter().flat_map(|key| &key.columns).any(|name| *name == column.name);
        let nullability = match (column.not_null, refers) {
            (true, _) => Nullability::Forbidden,
            // Which parents there are is not known within a document.
            (false, true) => Nullability::Required,
            (false, false) => Nullability::Allowed,
        };
        let expression = read(&tokens(&generated.expression), table, names);
        found.extend(documents_of(&expression, &generated.expression, names, nullability, &column.declared_type));
    }
    found
}

/// That a CHECK is not false.
pub(crate) fn of_check(name: Option<String>, text: &str, table: &Table, names: &[String]) -> Condition {
    let shown = text.trim().to_owned();
    let expression = read(&tokens(&shown), table, names);
    let branches = documents::branches(&expression, true, names.len());
    Condition::of("CHECK", name, shown.clone(), shown, names, expression, branches)
}

/// An expression about columns of these names, in which generated columns are what they are generated from.
fn read(tokens: &[Token<'_>], table: &Table, names: &[String]) -> Expression {
    let generated: Vec<(&Column, &Generated)> =
        table.columns.iter().filter_map(|column| Some((column, column.generated.as_ref()?))).collect();
    let mut all = names.to_vec();
    all.extend(generated.iter().map(|(column, _)| column.name.to_string()));
    let mut expression = Expression::of_tokens(tokens, &all);
    // One may be generated from another one, but not in a circle.
    for _ in 0..=generated.len() {
        expression = expression.replaced(&mut |one| match one {
            Expression::Column(at) if *at >= names.len() => {
                Some(Expression::parse(&generated[at - names.len()].1.expression, &all))
            }
            _ => None,
        });
    }
    expression
}

/// That SQLite can calculate an expression about documents, which have what it reads of them.
fn documents_of(
    expression: &Expression,
    text: &str,
    names: &[String],
    nullability: Nullability,
    declared_type: &str,
) -> Option<Condition> {
    let mut documents = Vec::new();
    json_columns(expression, &mut documents);
    let json = |column: &usize| (*column, Domain::of_shape(Shape::Json(None)));
    let any = Branch { domains: documents.iter().map(json).collect(), ..Branch::default() };
    let with_members = documents::with_members(expression, names.len(), nullability, declared_type);
    let branch = with_members.and_then(|members| any.and(&members)).unwrap_or(any);
    let sql = match nullability {
        Nullability::Forbidden => format!("({text}\n) IS NOT NULL"),
        // No more than that it can be calculated.
        Nullability::Allowed | Nullability::Required => format!("typeof({text}\n) <> ''"),
    };
    Some(Condition::of("expression", None, text.to_owned(), sql, names, Expression::Opaque, vec![branch]))
}

/// What SQLite calls a CHECK without a name: its text, of which a quoted name at the start alone is left.
pub(crate) fn name_in_sqlite_errors(text: &str) -> String {
    match tokens(text).first() {
        Some(first) if text.starts_with(['"', '`', '[', '\'']) => first.name().unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    }
}

/// The columns that functions read as JSON.
fn json_columns(expression: &Expression, found: &mut Vec<usize>) {
    let mut inside = |parts: &[Expression]| parts.iter().for_each(|part| json_columns(part, found));
    match expression {
        Expression::Call(name, arguments) => {
            inside(arguments);
            if let Some(first) = arguments.first()
                && (name.starts_with("json") || name.starts_with("->"))
            {
                first.columns(found);
            }
        }
        Expression::Not(inner) => inside(std::slice::from_ref(inner)),
        Expression::And(parts) | Expression::Or(parts) => inside(parts),
        Expression::Compare(_, left, right) | Expression::Match(_, left, right) => {
            inside(std::slice::from_ref(left));
            inside(std::slice::from_ref(right));
        }
        Expression::In(what, list) => {
            inside(std::slice::from_ref(what));
            inside(list);
        }
        Expression::Case(arms, otherwise) => {
            for (condition, value) in arms {
                inside(std::slice::from_ref(condition));
                inside(std::slice::from_ref(value));
            }
            if let Some(otherwise) = otherwise {
                inside(std::slice::from_ref(otherwise));
            }
        }
        Expression::Column(_) | Expression::Value(_) | Expression::Opaque => {}
    }
}

/// The conditions under which a trigger on INSERT raises an error, as tokens and as text, and whether the WHERE among them
/// reads tables.
fn refusals<'a>(trigger: &TriggerText<'a>) -> Vec<(Vec<Token<'a>>, String, bool)> {
    let mut found = Vec::new();
    if trigger.event != "INSERT" {
        return found;
    }
    for statement in &trigger.statements {
        let Some(raise) = statement.iter().position(|token| token.is("RAISE")) else { continue };
        let mut parts: Vec<&[Token<'a>]> = Vec::new();
        let mut reads_tables = false;
        if !trigger.when.is_empty() {
            parts.push(&trigger.when);
        }
        if let Some(when) = statement[..raise].iter().rposition(|token| token.is("WHEN"))
            && let Some(then) = statement[when..raise].iter().position(|token| token.is("THEN"))
        {
            parts.push(&statement[when + 1..when + then]);
        } else if outside(statement, "FROM").is_some() {
            // What it finds in other tables decides.
            continue;
        } else if let Some(at) = outside(statement, "WHERE") {
            reads_tables = statement.iter().any(|token| token.is("FROM"));
            parts.push(&statement[at + 1..]);
        }
        let text: Vec<String> = parts.iter().map(|part| format!("({})", written(part))).collect();
        if text.is_empty() {
            continue;
        }
        let tokens = match &parts[..] {
            [only] => only.to_vec(),
            // Two conditions read as one only in parentheses, which are no tokens of the trigger's.
            _ => Vec::new(),
        };
        found.push((tokens, text.join(" AND "), reads_tables));
    }
    found
}

/// Where a word stands outside of parentheses.
fn outside(tokens: &[Token<'_>], word: &str) -> Option<usize> {
    let mut depth = 0;
    tokens.iter().position(|token| {
        depth += i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
        depth == 0 && token.is(word)
    })
}

/// Tokens as text, with a space where there was anything between them.
pub(super) fn written(tokens: &[Token<'_>]) -> String {
    let mut text = String::new();
    let mut end = None;
    for token in tokens {
        if end.is_some_and(|end| end != token.start) {
            text.push(' ');
        }
        text.push_str(token.text);
        end = Some(token.end());
    }
    text
}
