//! The canonical text of a schema.

use std::fmt::Write as _;

use super::facts::Schema;
use super::shape::{self, TableShape, TriggerShape, ViewShape};

pub(super) fn text(schema: &Schema) -> String {
    let (tables, views) = shape::of(schema, schema.ledgers);
    let paragraphs: Vec<String> = tables.iter().map(table).chain(views.iter().map(view)).collect();
    paragraphs.join("\n")
}

fn table(shape: &TableShape) -> String {
    let name = &shape.name;
    let mut text = String::new();
    if let Some(module) = &shape.module {
        text.push_str(&format!("CREATE VIRTUAL TABLE {name} USING {module};\n"));
    } else {
        let columns = shape.columns.iter().map(|column| {
            let parts = column.parts.iter().filter(|part| !part.is_empty());
            std::iter::once(&column.name).chain(parts).map(String::as_str).collect::<Vec<_>>().join(" ")
        });
        let constraints = shape.constraints.iter().map(|constraint| constraint.text.clone());
        let lines: Vec<String> = columns.chain(constraints).collect();
        let options = if shape.options.is_empty() { String::new() } else { format!(" {}", shape.options.join(", ")) };
        text.push_str(&format!("CREATE TABLE {name} (\n    {}\n){options};\n", lines.join(",\n    ")));
    }
    for index in &shape.indexes {
        let unique = if index.unique { "UNIQUE " } else { "" };
        let partial = index.partial.as_ref().map(|condition| format!(" WHERE {condition}")).unwrap_or_default();
        let _ = writeln!(text, "CREATE {unique}INDEX {} ON {name} {}{partial};", index.name, index.terms);
    }
    for shape in &shape.triggers {
        text.push_str(&trigger(shape, name));
    }
    text
}

fn view(shape: &ViewShape) -> String {
    let columns = if shape.columns.is_empty() { String::new() } else { format!(" {}", shape.columns) };
    let mut text = format!("CREATE VIEW {}{columns} AS\n    {};\n", shape.name, shape.query);
    for trigger_of_view in &shape.triggers {
        text.push_str(&trigger(trigger_of_view, &shape.name));
    }
    text
}

fn trigger(shape: &TriggerShape, table: &str) -> String {
    if shape.event.is_empty() {
        // The statement could not be read, and is shown as a whole.
        return format!("{};\n", shape.statements.join("; "));
    }
    let when = if shape.when.is_empty() { String::new() } else { format!(" WHEN {}", shape.when) };
    let mut text = format!("CREATE TRIGGER {} {} ON {table}{when} BEGIN\n", shape.name, shape.event);
    for statement in &shape.statements {
        let _ = writeln!(text, "    {statement};");
    }
    text.push_str("END;\n");
    text
}
