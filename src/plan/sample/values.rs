//! SQL expressions for the values of columns, by declaration and by what statements compare the columns with.

use super::comparisons::{Comparison, Comparisons, Other, Relation, of_checks};
use crate::order::SortedSet;
use crate::plan::tree::distinct;
use crate::schema::references::Pair;
use crate::schema::{Affinity, Column, ForeignKey, Index, IndexedColumn, IndexedExpr, Schema, Table};
use crate::sql::{Name, quote_text, same_name, tokens};

/// The rows of a table, less than [`MODULUS`].
pub(super) const ROWS: usize = 1_000;
/// The rows of a parent to which its children refer, so that each has four children.
const PARENTS: usize = ROWS / 4;
/// A prime: multiplied and taken modulo a prime, the numbers of the rows come in another order.
pub(super) const MODULUS: usize = 1_009;
/// The numbers that the rows are multiplied with, one for each column, so that no two columns are alike.
pub(super) const FACTORS: [usize; 13] = [389, 571, 227, 733, 101, 643, 827, 467, 281, 907, 601, 157, 353];

/// The spread of the rows of a table over the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan) enum Spread {
    /// Few rows for each value.
    Wide,
    /// A status: at most a few values.
    Few,
    /// A flag, or a column that is compared with NULL: a value has half of the rows, or nearly all.
    Flag,
}

/// Returns how the rows are spread over the values of a column, as its declaration and the comparisons suggest.
pub(in crate::plan) fn spread(table: &Table, column: &Column, comparisons: &Comparisons) -> Spread {
    if is_unique(table, &column.name) {
        return Spread::Wide;
    }
    let compared: Vec<&Comparison> = comparisons.of_column(&column.name).collect();
    let equal: Vec<&&Comparison> = compared.iter().filter(|one| one.relation == Relation::Equal).collect();
    let of_checks = of_checks(table, &column.name);
    let listed = of_checks.iter().filter(|one| one.relation == Relation::Equal && one.other != Other::Null).count();
    let is_declared = ["BOOL", "BOOLEAN"].iter().any(|name| column.declared_type.eq_ignore_ascii_case(name));
    // The 1 of `user_id = 1` is a key, and that of `rating = 1` one of several values.
    let is_zero_or_one = !refers(table, column) && of_checks.is_empty() && has_two_values(table, column);
    let is_flag = |one: &&&Comparison| one.is_with_a_flag() && (one.other == Other::Null || is_zero_or_one);
    let is_flag = !equal.is_empty() && equal.iter().all(is_flag);
    // Between 0 and 1.
    let is_bit = |one: &Comparison| match (&one.other, one.relation) {
        (Other::Literal(text), Relation::Above) => text == "0",
        (Other::Literal(text), Relation::Below) => text == "1",
        _ => false,
    };
    let is_range_of_bits = of_checks.len() == 2 && of_checks.iter().all(is_bit);
    if is_declared || is_flag || (1..=2).contains(&listed) || is_range_of_bits {
        return Spread::Flag;
    }
    let has_constant = equal.iter().any(|one| matches!(one.other, Other::Literal(_)));
    let is_status = !refers(table, column) && (has_constant || has_text_default(column));
    if listed > 2 || is_status { Spread::Few } else { Spread::Wide }
}

/// Returns true if the schema suggests that a column has the values 0 and 1: by its default, by its name, or by the WHERE of
/// an index.
fn has_two_values(table: &Table, column: &Column) -> bool {
    let default = column.default.as_deref().unwrap_or_default().trim();
    let has_flag_default = column.not_null && ["0", "1", "TRUE", "FALSE"].iter().any(|flag| same_name(default, flag));
    let name = column.name.to_ascii_lowercase();
    let has_flag_name = ["is_", "has_", "can_"].iter().any(|start| name.starts_with(start));
    let in_condition = |index: &Index| {
        let conditions = Comparisons::of(index.partial.as_deref().unwrap_or_default());
        conditions.of_column(&column.name).any(|one| one.is_with_a_flag() && one.other != Other::Null)
    };
    has_flag_default || has_flag_name || table.indexes.iter().any(in_condition)
}

/// Returns true for a column of a foreign key, declared or by its name.
fn refers(table: &Table, column: &Column) -> bool {
    has_reference_name(column) || table.foreign_keys.iter().any(|key| key.columns.contains(&column.name))
}

fn has_reference_name(column: &Column) -> bool {
    column.name.to_ascii_lowercase().ends_with("_id")
}

/// A text by default is the first state of a few.
fn has_text_default(column: &Column) -> bool {
    let default = column.default.as_deref().unwrap_or_default().trim();
    default.starts_with('\'') && default.len() > 3 && !default.contains(['{', '[', ' '])
}

fn is_unique(table: &Table, name: &str) -> bool {
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    let indexes =
        table.indexes.iter().filter(|index| index.unique && index.partial.is_none()).map(|index| &index.terms);
    keys.chain(indexes).any(|terms| matches!(terms.as_slice(), [only] if only.what.is_column(name)))
}

/// Writes the values of columns.
pub(super) struct Values<'a> {
    pub(super) schema: &'a Schema,
    pub(super) comparisons: &'a Comparisons,
    /// The names in the statements.
    pub(super) named: &'a SortedSet<Name>,
}

/// The longest chain of foreign keys that is followed.
const MAX_DEPTH: usize = 5;

impl Values<'_> {
    /// Returns the value of a column in a row, both as SQL. `row` is a number from 1 to [`ROWS`].
    pub(super) fn of(&self, table: &Table, column: &Column, row: &str) -> String {
        if self.is_searched(table, column) {
            return self.at_depth(table, column, row, 0);
        }
        // Nothing looks at it, and one value is made faster than many.
        match column.affinity {
            Affinity::Text | Affinity::Any => "'x'".to_owned(),
            Affinity::Blob => "x'00'".to_owned(),
            Affinity::Real => "0.5".to_owned(),
            Affinity::Integer | Affinity::Numeric => "0".to_owned(),
        }
    }

    /// Returns true if a statement names the column, or a key or an index has it.
    fn is_searched(&self, table: &Table, column: &Column) -> bool {
        let is_it = |term: &IndexedColumn| match &term.what {
            IndexedExpr::Column(name) => *name == column.name,
            IndexedExpr::Expression(sql) => {
                tokens(sql).iter().any(|token| token.name().is_some_and(|name| column.name == name))
            }
            IndexedExpr::Rowid => false,
        };
        let keys = table.primary_key.iter().chain(&table.unique).flat_map(|key| &key.terms);
        let in_condition = |index: &Index| {
            let condition = tokens(index.partial.as_deref().unwrap_or_default());
            condition.iter().any(|token| token.name().is_some_and(|name| column.name == name))
        };
        self.named.contains(&column.name)
            || self.named.contains(&Name::from("natural"))
            || refers(table, column)
            || keys.chain(table.indexes.iter().flat_map(|index| &index.terms)).any(is_it)
            || table.indexes.iter().any(in_condition)
    }

    fn at_depth(&self, table: &Table, column: &Column, row: &str, depth: usize) -> String {
        let key = table.foreign_keys.iter().find(|key| key.columns.contains(&column.name));
        let referred = key.filter(|_| depth < MAX_DEPTH).and_then(|key| self.referred(table, column, key, row, depth));
        let is_unique = is_unique(table, &column.name);
        let (selector, value) = match referred {
            Some((selector, value)) => (selector, value),
            None if table.is_rowid(&column.name) => (row.to_owned(), row.to_owned()),
            None => {
                let order = shuffled(&column.name, row);
                match spread(table, column, self.comparisons) {
                    Spread::Flag => return self.flag(table, column, &order),
                    Spread::Few => return self.one_of_few(table, column, &order),
                    Spread::Wide => {
                        (if is_unique { row.to_owned() } else { order.clone() }, self.plain(column, &order, is_unique))
                    }
                }
            }
        };
        self.with_constants(column, &selector, value)
    }

    /// Returns the number of the parent's row, and its value.
    fn referred(
        &self,
        table: &Table,
        column: &Column,
        key: &ForeignKey,
        row: &str,
        depth: usize,
    ) -> Option<(String, String)> {
        let pair = Pair::of(table, key, self.schema.table(&key.parent)?)?;
        let (_, parent) = pair.columns.iter().find(|(child, _)| child.name == column.name)?;
        let is_one_to_one = key.columns.len() == 1 && is_unique(table, &column.name);
        let referred = match is_one_to_one {
            true => row.to_owned(),
            false => format!("(1+{}%{PARENTS})", shuffled(&key.columns[0], row)),
        };
        let value = self.at_depth(pair.parent, parent, &referred, depth + 1);
        Some((referred, value))
    }

    /// Returns different values. Those at the start of the order are below the constants of ranges.
    fn plain(&self, column: &Column, order: &str, is_unique: bool) -> String {
        let name = column.name.as_str();
        let grouped = format!("({order}%{PARENTS})");
        let order = if has_reference_name(column) && !is_unique { grouped.as_str() } else { order };
        let paths = self.comparisons.json.iter().filter(|(json, _)| *json == column.name).map(|(_, path)| path);
        let keys = distinct(paths.map(|path| path.trim_start_matches("$.").replace('"', "")));
        if !keys.is_empty() {
            let members = keys.iter().map(|key| format!("{}||{order}", quote_text(&format!("\"{key}\":"))));
            return format!("'{{'||{}||'}}'", members.collect::<Vec<_>>().join("||','||"));
        }
        let bound = self.comparisons.of_column(name).find_map(|one| match (&one.other, one.relation) {
            (Other::Literal(text), Relation::Above | Relation::Below) => Some(text.as_str()),
            _ => None,
        });
        let pattern = self.comparisons.of_column(name).find_map(|one| match (&one.other, one.relation) {
            (Other::Literal(text), Relation::Pattern) if text.starts_with('\'') => Some(text),
            _ => None,
        });
        let middle = MODULUS / 2;
        let value = match (bound, kind(column)) {
            (Some(bound), Kind::Number | Kind::Time) if !bound.starts_with('\'') => format!("{bound}+{order}-{middle}"),
            (Some(bound), Kind::Text | Kind::Time) if bound.starts_with('\'') => {
                format!("CASE WHEN {order}>{middle} THEN {bound}||{order} ELSE 1000+{order} END")
            }
            (_, Kind::Number) => order.to_owned(),
            (_, Kind::Real) => format!("{order}+0.5"),
            (_, Kind::Blob) => format!("CAST(1000+{order} AS BLOB)"),
            (_, Kind::Time) => format!("datetime(1700000000+3600*{order},'unixepoch')"),
            (_, Kind::Text) => format!("{}||(1000+{order})", quote_text(name)),
        };
        match pattern.map(|pattern| pattern.split(['%', '_', '*', '?', '[']).next().unwrap_or_default()) {
            Some(start) if start.len() > 1 => {
                let start = start.trim_end_matches('\'');
                format!("CASE {order}%10 WHEN 0 THEN {start}'||{order} ELSE {value} END")
            }
            _ => value,
        }
    }

    /// Makes some rows have the constants that statements compare the column with.
    fn with_constants(&self, column: &Column, selector: &str, value: String) -> String {
        let constants = distinct_constants(self.comparisons.of_column(&column.name));
        let nulls = self.comparisons.of_column(&column.name).any(|one| one.other == Other::Null);
        let mut value = value;
        if !constants.is_empty() {
            let whens: Vec<String> =
                constants.iter().enumerate().map(|(at, constant)| format!("WHEN {} THEN {constant}", at + 7)).collect();
            value = format!("CASE {selector} {} ELSE {value} END", whens.join(" "));
        }
        match nulls && !column.not_null {
            true => format!("CASE WHEN {}%4>0 THEN NULL ELSE {value} END", shuffled("null", selector)),
            false => value,
        }
    }

    /// Most rows have the default, or 0, or NULL if the statement looks for it.
    fn flag(&self, table: &Table, column: &Column, order: &str) -> String {
        let compared: Vec<&Comparison> = self.comparisons.of_column(&column.name).collect();
        let of_checks = of_checks(table, &column.name);
        if compared.iter().any(|one| one.other == Other::Null) && !column.not_null {
            return format!("CASE WHEN {order}%4>0 THEN NULL ELSE {} END", self.plain(column, order, false));
        }
        let mut values = distinct_constants(of_checks.iter());
        if values.len() != 2 {
            values = vec!["0".to_owned(), "1".to_owned()];
        }
        let default = column.default.as_deref().map(str::trim);
        let is_usual = |value: &String| default.map_or(value == "0", |default| truth(default) == truth(value));
        let usual = values.iter().position(is_usual).unwrap_or(0);
        format!("CASE WHEN {order}%4>0 THEN {} ELSE {} END", values[usual], values[1 - usual])
    }

    /// Returns one of the values of a CHECK, or of the constants of the statement and four others.
    fn one_of_few(&self, table: &Table, column: &Column, order: &str) -> String {
        let mut values = distinct_constants(of_checks(table, &column.name).iter());
        if values.is_empty() {
            let number = matches!(kind(column), Kind::Number | Kind::Real);
            values = distinct_constants(self.comparisons.of_column(&column.name));
            let other = |n: i32| if number { n.to_string() } else { quote_text(&format!("{}{n}", column.name)) };
            let others: Vec<String> = (2..).map(other).filter(|other| !values.contains(other)).take(4).collect();
            values.extend(others);
        }
        let whens: Vec<String> =
            values.iter().enumerate().skip(1).map(|(at, value)| format!("WHEN {at} THEN {value}")).collect();
        format!("CASE {order}%{} {} ELSE {} END", values.len(), whens.join(" "), values[0])
    }
}

fn truth(literal: &str) -> &str {
    match literal {
        _ if same_name(literal, "TRUE") => "1",
        _ if same_name(literal, "FALSE") => "0",
        other => other,
    }
}

fn distinct_constants<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for one in comparisons {
        if let (Relation::Equal, Other::Literal(text)) = (one.relation, &one.other)
            && !found.contains(text)
        {
            found.push(text.clone());
        }
    }
    found
}

/// Returns the number of a row in another order, as SQL. Those of the rows themselves are columns beside their numbers.
fn shuffled(name: &str, row: &str) -> String {
    let sum: usize = Name::from(name).bytes().map(|byte| usize::from(byte.to_ascii_lowercase())).sum();
    let number = sum % FACTORS.len();
    match row {
        "i" => format!("s{number}"),
        row => format!("({row}*{}%{MODULUS})", FACTORS[number]),
    }
}

enum Kind {
    Number,
    Real,
    Text,
    Time,
    Blob,
}

fn kind(column: &Column) -> Kind {
    let declared = column.declared_type.to_ascii_uppercase();
    match column.affinity {
        Affinity::Numeric if declared.contains("DATE") || declared.contains("TIME") => Kind::Time,
        Affinity::Integer | Affinity::Numeric => Kind::Number,
        Affinity::Real => Kind::Real,
        Affinity::Text if is_time(&column.name) => Kind::Time,
        Affinity::Text => Kind::Text,
        Affinity::Blob if declared.contains("BLOB") => Kind::Blob,
        Affinity::Blob | Affinity::Any => Kind::Text,
    }
}

fn is_time(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["at", "date", "time", "day"]
        .iter()
        .any(|word| name.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
}
