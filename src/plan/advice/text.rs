//! Advice in words.

use super::search::Goal;
use super::terms::{Candidate, Term};
use super::{Advice, AdvisedIndex, Removed};
use crate::plan::Plan;
use crate::schema::{Column, IndexedExpr, Schema, Table};
use crate::sql::{TokenKind, plain_name, tokens};

/// The advice to make these indexes, under names that nothing has yet.
pub(super) fn advice(set: &[Candidate], removes: Vec<Removed>, schema: &Schema, names: &mut Vec<String>) -> Advice {
    let indexes: Vec<AdvisedIndex> = set.iter().map(|one| advised(one, schema, names)).collect();
    let sql: Vec<String> = set.iter().zip(&indexes).map(|(one, index)| one.create(&index.name)).collect();
    let removes = removes.into_iter().map(|one| one.spelt(schema)).collect();
    Advice { sql: sql.join("\n"), indexes, removes }
}

fn advised(one: &Candidate, schema: &Schema, names: &mut Vec<String>) -> AdvisedIndex {
    let columns: Vec<String> = one.terms.iter().map(words).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let name = schema.free_name(&one.table, &columns, names);
    names.push(name.clone());
    let table = schema.table(&one.table);
    let long = table.map_or_else(Vec::new, |table| {
        let of = one.terms.iter().filter_map(|term| table.column(term.column.as_deref()?));
        of.filter(|column| is_long(table, column)).map(|column| column.name.to_string()).collect()
    });
    let columns = one.terms.iter().map(Term::to_sql).collect();
    AdvisedIndex { name, table: one.table.clone(), columns, replaces: table.and_then(|t| replaced(t, one)), long }
}

/// What a term gives to the name of its index: `lower_email` of `lower(email)`.
fn words(term: &Term) -> String {
    if let Some(column) = &term.column {
        return column.clone();
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let tokens = tokens(&term.sql);
    let parts = tokens.iter().filter(|token| token.kind != TokenKind::Symbol);
    let words = parts.flat_map(|token| token.text.split(|c| !is_word(c)).filter(|word| !word.is_empty()));
    words.collect::<Vec<_>>().join("_")
}

/// An index that is the beginning of this one.
pub(super) fn replaced(table: &Table, one: &Candidate) -> Option<String> {
    let found = table.indexes.iter().find(|index| {
        let same = |(term, new): (&crate::schema::IndexedColumn, &Term)| match (&term.what, &new.column) {
            (IndexedExpr::Column(name), Some(column)) => {
                let collation = table.column(name).map_or("", |column| &column.collation);
                let plain = term.collation.eq_ignore_ascii_case(collation);
                let collated = || format!("{} COLLATE {}", plain_name(name), plain_name(&term.collation));
                name.eq_ignore_ascii_case(column)
                    && term.descending == new.descending
                    && new.sql.eq_ignore_ascii_case(&if plain { plain_name(name) } else { collated() })
            }
            _ => false,
        };
        let shorter = index.terms.len() < one.terms.len();
        !index.unique && index.partial.is_none() && shorter && index.terms.iter().zip(&one.terms).all(same)
    })?;
    Some(found.name.to_string())
}

/// Whether its declaration says that its values may be long.
fn is_long(table: &Table, column: &Column) -> bool {
    let declared = column.declared_type.to_ascii_uppercase();
    let long_type = ["BLOB", "CLOB", "JSON", "LONGTEXT", "MEDIUMTEXT"].iter().any(|word| declared.contains(word));
    let number = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0_u32);
    let long_limit = table.checks.iter().any(|check| {
        let tokens = tokens(&check.expression);
        tokens.windows(4).any(|four| {
            let length = ["length", "octet_length"].iter().any(|word| four[0].is(word)) && four[1].is_symbol("(");
            length && four[2].name().is_some_and(|name| name.eq_ignore_ascii_case(&column.name)) && {
                let behind = tokens.iter().filter(|token| token.start > four[3].start);
                behind.filter(|token| token.kind == TokenKind::Number).any(|token| number(token.text) >= LONG)
            }
        })
    });
    long_type || (declared.contains("CHAR") && number(&declared) >= LONG) || long_limit
}

/// From this length on, a column makes an index wide.
const LONG: u32 = 500;

impl Removed {
    /// With the name as the schema spells it.
    fn spelt(self, schema: &Schema) -> Removed {
        let spelt = |name: String| schema.table(&name).map_or(name, |table| table.name.to_string());
        match self {
            Removed::Scan(table) => Removed::Scan(spelt(table)),
            Removed::AutomaticIndex(table) => Removed::AutomaticIndex(spelt(table)),
            Removed::Sort(purpose) => Removed::Sort(purpose),
        }
    }
}

/// The line of a report.
pub(super) fn help(advice: &Advice, plan: &Plan, goal: &Goal) -> String {
    let mut text = format!("{}   tried: {}", advice.sql, gone(advice, plan, goal));
    if advice.indexes.len() > 1 {
        text.push_str(if advice.indexes.len() == 2 { ", with both" } else { ", with all of them" });
    }
    for index in &advice.indexes {
        if let Some(old) = &index.replaces {
            text.push_str(&format!("\nit can replace {old}, with whose columns it starts"));
        }
        if !index.long.is_empty() {
            text.push_str(&format!("\nit stores {} of each row a second time", index.long.join(", ")));
        }
    }
    text
}

fn gone(advice: &Advice, plan: &Plan, goal: &Goal) -> String {
    let scans = super::trial::Faults::of(plan).scans;
    let mut parts: Vec<String> = Vec::new();
    let mut add = |part: String| {
        if !parts.contains(&part) {
            parts.push(part);
        }
    };
    for removed in &advice.removes {
        match removed {
            // An automatic index is a scan too, and said once.
            Removed::Scan(_) if *goal == Goal::AutomaticIndexes => {}
            Removed::AutomaticIndex(_) if *goal != Goal::AutomaticIndexes => {}
            Removed::AutomaticIndex(_) => add("the automatic index".to_owned()),
            Removed::Scan(_) if scans.len() == 1 => add("the scan".to_owned()),
            Removed::Scan(table) => add(format!("the scan of {table}")),
            Removed::Sort(purpose) if purpose.contains("ORDER BY") || purpose.is_empty() => add("the sort".to_owned()),
            Removed::Sort(purpose) => add(format!("the b-tree for {purpose}")),
        }
    }
    let verb = if parts.len() > 1 { "are" } else { "is" };
    match parts.split_last() {
        Some((last, [])) => format!("{last} {verb} gone"),
        Some((last, others)) => format!("{} and {last} {verb} gone", others.join(", ")),
        None => "the plan is better".to_owned(),
    }
}
