//! Views and triggers that name a missing object, and texts in double quotes.

use super::finding::{LintFinding, LintInput, new_name, object, rebuild_as};
use crate::check::finding::Level;
use crate::schema::declaration::{Declaration, with_text};
use crate::schema::schema_copy::SchemaCopy;
use crate::schema::{Column, Trigger, View};
use crate::sql::{Name, plain_name};

pub(super) fn lint(input: &LintInput, found: &mut Vec<LintFinding>) {
    tables_and_indexes(input, found);
    defaults(input, found);
    for view in &input.schema.views {
        if lint_view(input, view, found) {
            let columns: Vec<&str> = view.columns.iter().flatten().map(Name::as_str).collect();
            for trigger in &view.triggers {
                lint_trigger(input, trigger, &view.name, &columns, found);
            }
        }
    }
    for table in input.tables() {
        let is_set = |column: &&Column| column.generated.is_none();
        let columns: Vec<&str> = table.columns.iter().filter(is_set).map(|column| column.name.as_str()).collect();
        for trigger in &table.triggers {
            lint_trigger(input, trigger, &table.name, &columns, found);
        }
    }
}

/// Returns true if SQLite refuses because a named object is missing.
fn is_gone(input: &LintInput, message: &str) -> bool {
    let gone = ["no such table: ", "no such column: ", "has no column named ", "columns but "];
    gone.iter().any(|part| message.contains(part)) && !input.copy.is_about_missing(message)
}

/// Returns true if the view can be read.
fn lint_view(input: &LintInput, view: &View, found: &mut Vec<LintFinding>) -> bool {
    let copy = &input.copy;
    if copy.is_missing(&view.name) {
        return false;
    }
    let select = format!("SELECT * FROM {}", plain_name(&view.name));
    if let Err(message) = copy.prepare(&select) {
        if is_gone(input, &message) {
            let what = format!("the view {} can no longer be read", view.name);
            let cost = "every query of it fails, and so does ALTER TABLE … RENAME of any table";
            found.push(
                LintFinding::new("dangling-view", &view.name, what, cost)
                    .evidence("SQLite says", message)
                    .sql(format!("DROP VIEW {};", plain_name(&view.name))),
            );
        }
        return false;
    }
    if has_only_names(copy, &[select.as_str()]) {
        return true;
    }
    let strictly = |sql: &str| {
        let replaced = format!("DROP VIEW {}; {sql}", plain_name(&view.name));
        strictly(input, &replaced, &[select.as_str()])
    };
    if let Some((message, text)) = quoted(&view.sql, &strictly) {
        let mut finding = string_finding("view", &view.name, &view.name, message);
        if let Some(sql) = text {
            let triggers: String = view.triggers.iter().map(|trigger| format!("\n{};", trigger.sql)).collect();
            finding = finding.sql(format!("DROP VIEW {};\n{sql};{triggers}", plain_name(&view.name)));
        }
        found.push(finding);
    }
    true
}

fn lint_trigger(input: &LintInput, trigger: &Trigger, of: &str, columns: &[&str], found: &mut Vec<LintFinding>) {
    let copy = &input.copy;
    if copy.is_missing(of) || copy.run(&trigger.sql).is_err() {
        return;
    }
    // It does not matter which of the three fires the trigger: the others can be prepared too, or are refused for another
    // reason, such as a view without a trigger for them.
    let (table, first) = (plain_name(of), columns.first().copied().unwrap_or("rowid"));
    let sets: Vec<String> = columns.iter().map(|column| format!("{0} = {0}", plain_name(column))).collect();
    let statements = [
        format!("INSERT INTO {table}({}) VALUES (NULL)", plain_name(first)),
        format!("UPDATE {table} SET {}", sets.join(", ")),
        format!("DELETE FROM {table}"),
    ];
    let refused = statements.iter().find_map(|sql| copy.prepare(sql).err().filter(|message| is_gone(input, message)));
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let has_only_names = refused.is_none() && has_only_names(copy, &statements);
    let drop = format!("DROP TRIGGER {}", plain_name(&trigger.name));
    let _ = copy.run(&drop);
    if let Some(message) = refused {
        let what = format!("the trigger {} on {of} can no longer run", trigger.name);
        let cost = "every statement that fires it fails";
        found.push(
            LintFinding::new("dangling-trigger", &trigger.name, what, cost)
                .evidence("SQLite says", message)
                .sql(format!("{drop};")),
        );
        return;
    }
    if has_only_names {
        return;
    }
    if let Some((message, text)) = quoted(&trigger.sql, &|sql| strictly(input, sql, &statements)) {
        let mut finding = string_finding("trigger", &trigger.name, &trigger.name, message);
        if let Some(sql) = text {
            finding = finding.sql(format!("{drop};\n{sql};"));
        }
        found.push(finding);
    }
}

fn tables_and_indexes(input: &LintInput, found: &mut Vec<LintFinding>) {
    let copy = &input.copy;
    for (name, message) in &copy.quoted {
        for table in input.tables() {
            if table.name == *name {
                let mut finding = string_finding("table", name, name, message.clone()).on(table);
                let declaration = Declaration::parse(&table.sql).map(|sql| sql.named(&new_name(&table.name)));
                let mended = declaration.and_then(|sql| quoted(&sql, &|sql| strictly(input, sql, &[])));
                if let Some((_, Some(declaration))) = mended {
                    finding.fix = rebuild_as(table, declaration);
                }
                found.push(finding);
            }
            for index in table.indexes.iter().filter(|index| index.name == *name) {
                let mut finding = string_finding("index", name, name, message.clone()).on(table);
                let drop = format!("DROP INDEX {}", plain_name(&index.name));
                let again = |sql: &str| strictly(input, &format!("{drop}; {sql}"), &[]);
                if let Some((_, Some(sql))) = quoted(&index.sql, &again) {
                    finding = finding.sql(format!("{drop};\n{sql};"));
                }
                found.push(finding);
            }
        }
    }
}

/// Finds defaults in double quotes. `DEFAULT "open"` is a text whatever the names of the columns, even if SQLite accepts no
/// other text in double quotes.
fn defaults(input: &LintInput, found: &mut Vec<LintFinding>) {
    for table in input.tables() {
        for column in &table.columns {
            let Some(default) = column.default.as_deref().filter(|default| default.starts_with('"')) else { continue };
            if default.len() < 2 {
                continue;
            }
            let text = crate::sql::tokens(default).first().and_then(crate::sql::Token::name).unwrap_or_default();
            let object = object(table, [column.name.as_str()]);
            let as_name = format!("DEFAULT {default}");
            let mut finding = string_finding("default of", &object, &object, as_name).level_of(Level::Style).on(table);
            if let Some(declaration) = Declaration::parse(&table.sql).map(|sql| sql.named(&new_name(&table.name))) {
                finding.fix = rebuild_as(table, with_text(&declaration, &text));
            }
            found.push(finding);
        }
    }
}

fn string_finding(kind: &str, name: &str, object: &str, message: String) -> LintFinding {
    let what = format!("the {kind} {name} has a text in double quotes, which are for names");
    let cost = "SQLite takes it for a text only because no column has that name: add such a column and the meaning changes; a build with SQLITE_DQS=0 refuses it";
    LintFinding::new("double-quoted-string", object, what, cost).evidence("as a name", message)
}

/// Returns true if statements can be prepared with double quotes for names only, with the views and triggers that they lead to.
/// To declare those again and to undo it takes longer: SQLite then reads the whole schema.
fn has_only_names(copy: &SchemaCopy, statements: &[&str]) -> bool {
    copy.quoted_strings(false, false);
    let is_text = |sql: &&str| copy.prepare(sql).is_err_and(|message| message.contains("no such column: "));
    let has_text = statements.iter().any(is_text);
    copy.quoted_strings(true, true);
    !has_text
}

/// Runs `sql` and prepares `statements` with double quotes for names only, and undoes everything.
fn strictly(input: &LintInput, sql: &str, statements: &[&str]) -> Result<(), String> {
    let copy = &input.copy;
    copy.quoted_strings(false, false);
    let result = copy.run("SAVEPOINT strictly").and_then(|()| copy.run(sql)).and_then(|()| {
        statements.iter().try_for_each(|sql| match copy.prepare(sql) {
            Err(message) if message.contains("no such column: ") => Err(message),
            _ => Ok(()),
        })
    });
    let _ = copy.run("ROLLBACK TO strictly; RELEASE strictly");
    copy.quoted_strings(true, true);
    result
}

/// Returns the first refusal of a text in double quotes, and the SQL with single quotes if that can be derived.
fn quoted(sql: &str, strictly: &dyn Fn(&str) -> Result<(), String>) -> Option<(String, Option<String>)> {
    if !sql.contains('"') {
        return None;
    }
    let first = strictly(sql).err()?;
    let (mut mended, mut message) = (sql.to_owned(), first.clone());
    loop {
        let name = unresolved(&message)?;
        let next = with_text(&mended, &name);
        if next == mended {
            return (message != first).then_some((first, None));
        }
        mended = next;
        match strictly(&mended) {
            Ok(()) => return Some((first, Some(mended))),
            Err(again) => message = again,
        }
    }
}

/// Returns the name in `no such column: "open" - should this be a string literal in single-quotes?`, which older versions
/// write as `no such column: open`.
fn unresolved(message: &str) -> Option<String> {
    let (_, name) = message.split_once("no such column: ")?;
    let name = name.split(" - should this be").next().unwrap_or(name);
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => Some(quoted.replace("\"\"", "\"")),
        None => Some(name.to_owned()),
    }
}
