//! The words of views and of triggers, as statements that can be read and changed.

use super::statement::is_one_of;
use crate::plan::explain::explain_again;
use crate::plan::query_plan::Plan;
use crate::plan::tree::{Node, Origin, distinct};
use crate::sql::{Cursor, Token, TokenKind, split, tokens};

/// Returns the plan of the statement with its views in front of it, as common table expressions. `None` if it has none, or if
/// SQLite plans that otherwise.
pub(super) fn with_views(plan: &Plan) -> Option<Plan> {
    let surroundings = plan.surroundings();
    let views = surroundings.objects.iter().filter(|object| object.database == 0 && object.kind == "view");
    let views: Vec<String> = views.filter_map(|view| as_table(view.sql.as_deref()?)).collect();
    if views.is_empty() {
        return None;
    }
    let (sql, views) = (plan.sql.as_str(), views.join(", "));
    let words = tokens(sql);
    let is = |at: usize, word: &str| words.get(at).is_some_and(|token: &Token<'_>| token.is(word));
    let with = if is(0, "with") { 1 + usize::from(is(1, "recursive")) } else { 0 };
    let text = match with.checked_sub(1).zip(words.get(with)) {
        Some((last, next)) => format!("{} {views}, {}", &sql[..words[last].end()], &sql[next.start..]),
        None => format!("WITH {views} {sql}"),
    };
    let copy = surroundings.empty_copy().ok()?;
    copy.prepare(&text).ok()?;
    let again = explain_again(&copy.connection, &Plan { sql: text, ..plan.clone() }).ok()?;
    (again.normalized() == plan.normalized()).then_some(again)
}

/// Returns the name, the columns and the SELECT of a view: `v(a) AS (SELECT x FROM t)`.
fn as_table(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    let mut cursor = Cursor::new(&tokens);
    cursor.seek(tokens.iter().position(|token| token.is("view"))? + 1);
    for word in ["if", "not", "exists"] {
        cursor.take(word);
    }
    cursor.object_name()?;
    let name = tokens[cursor.at() - 1].text;
    let columns = cursor.group().map_or("", |inside| &sql[tokens[inside.start - 1].start..tokens[inside.end].end()]);
    let select = if cursor.take("as") { tokens.get(cursor.at())?.start } else { return None };
    Some(format!("{name}{columns} AS ({})", &sql[select..]))
}

/// Returns the plans of the statements in triggers that have a flagged line, with parameters for the columns of the new and
/// the old row.
pub(super) fn of_triggers(plan: &Plan, is_flagged: &dyn Fn(&Node) -> bool) -> Vec<Plan> {
    let flagged = plan.effects.iter().filter(|effect| is_flagged(&effect.node));
    let names = distinct(flagged.filter_map(|effect| match &effect.origin {
        Origin::Trigger(name) => Some(name.as_str()),
        Origin::Statement | Origin::ForeignKeyAction => None,
    }));
    let Some(copy) = (!names.is_empty()).then(|| plan.surroundings().empty_copy().ok()).flatten() else {
        return Vec::new();
    };
    let triggers = plan.catalog.objects.iter().filter(|object| object.kind == "trigger");
    let bodies = triggers.filter(|trigger| names.iter().any(|name| trigger.name == **name)).filter_map(|trigger| {
        let sql = trigger.sql.as_deref()?;
        let tokens = tokens(sql);
        let begin = tokens.iter().find(|token| token.is("begin"))?.end();
        let end = tokens.iter().rfind(|token| token.is("end"))?.start;
        Some(split(sql.get(begin..end)?).into_iter().map(|statement| with_parameters(statement.text)).collect())
    });
    let bodies: Vec<Vec<String>> = bodies.collect();
    let planned = bodies.into_iter().flatten().filter_map(|sql| {
        copy.prepare(&sql).ok()?;
        let statement = Plan { sql, values: Vec::new(), ..plan.clone() };
        explain_again(&copy.connection, &statement).ok()
    });
    planned.filter(|plan| plan.lines().any(is_flagged)).collect()
}

/// Writes `:new_x` for `new.x`.
fn with_parameters(sql: &str) -> String {
    let tokens = tokens(sql);
    let mut text = String::new();
    let mut copied = 0;
    for row in tokens.windows(3) {
        let is_row = row[0].kind == TokenKind::Word && is_one_of(&row[0], "new old") && row[1].is_symbol(".");
        if let Some(column) = row[2].name().filter(|_| is_row && row[0].start >= copied) {
            let name: String = column.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            text.push_str(&format!("{}:{}_{name}", &sql[copied..row[0].start], row[0].text));
            copied = row[2].end();
        }
    }
    text + &sql[copied..]
}
