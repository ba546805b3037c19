//! Rows for what a statement counts, adds up, compares in size or follows from row to row.

use rusqlite::types::Value;

use super::conditions::{Tokens, group};
use super::demands::{FAR, MOST_COUNTED, Reading};
use super::resolve::{SourceColumn, SourceId};
use super::rows::{Partner, RowMaker, RowRequest};
use crate::data::{candidate_values, type_word};
use crate::order::SortedSet;
use crate::schema::{Affinity, Table};
use crate::sql::{Cursor, Name, Token, TokenKind, quote_identifier};

/// A LIMIT beyond this is not reached.
const MOST_OF_LIMIT: u64 = 10_000;
/// The rows of a tree that a recursive query follows, one below the other, unless it counts more.
const DEPTH: u64 = 3;

impl<'s> Reading<'_, 's, '_> {
    /// Makes rows for the sizes in each query.
    pub(super) fn make_for_sizes(&self, maker: &mut RowMaker<'_>) {
        for scope in 0..self.scopes.len() {
            self.beyond_limit(scope, maker);
            self.extremes(scope, maker);
            self.far_apart(scope, maker);
            self.added_up(scope, maker);
            self.below_each_other(scope, maker);
            self.documents(scope, maker);
        }
    }

    /// Makes a row far from all others in a column of which a query takes the largest or smallest value.
    fn extremes(&self, scope: usize, maker: &mut RowMaker<'_>) {
        for result in &self.scopes[scope].results {
            for (at, function) in result.iter().enumerate() {
                let inside = result.get(at + 1..).map(Cursor::new).and_then(|mut cursor| group(&mut cursor));
                let column = inside.and_then(|inside| self.known.column(self.scopes, scope, inside));
                let Some(column) = column.filter(|_| function.is("max") || function.is("min")) else { continue };
                let (table, name) = (column.table, &column.column);
                let integers = RowRequest::of(&[format!("typeof({}) = 'integer'", quote_identifier(name))]);
                let (function, sign) = if function.is("max") { ("max", 1) } else { ("min", -1) };
                let extreme = maker.extreme(table, &integers, &format!("{function}({})", quote_identifier(name)));
                if let Some(number) = extreme.and_then(|number| number.checked_add(sign * FAR)) {
                    maker.make(table, &self.matching(column.source).with(name, Value::Integer(number)), 1);
                }
            }
        }
    }

    /// Makes a row far beyond the others in each column that a condition compares with one of another row.
    fn far_apart(&self, scope: usize, maker: &mut RowMaker<'_>) {
        for condition in &self.scopes[scope].conditions {
            let is_size = |token: &Token<'_>| token.kind == TokenKind::Symbol && token.text.starts_with(['<', '>']);
            if !condition.iter().any(|token| is_size(token) && token.text != "<>") {
                continue;
            }
            let columns: Vec<SourceColumn<'s>> = self.columns_in(scope, condition);
            if columns.iter().any(|column| column.source != columns[0].source) {
                columns.iter().for_each(|column| far_beyond(column, &self.matching(column.source), maker));
            }
        }
        for (left, query) in &self.scopes[scope].compared {
            let [left] = left.as_slice() else { continue };
            let Some(column) = self.known.column(self.scopes, scope, left) else { continue };
            let results = self.scopes[*query].results.iter().flat_map(|result| self.columns_in(*query, result));
            for other in results.filter(|other| other.source != column.source) {
                far_beyond(&other, &self.matching(other.source), maker);
            }
            far_beyond(&column, &self.matching_in(*query, column.source), maker);
        }
    }

    /// Returns the request for a row that finds a partner in a query which reads its columns.
    fn matching_in(&self, query: usize, source: SourceId) -> RowRequest {
        let mut rows = self.matching(source);
        let compared = self.compared(query, false);
        for (one, other) in compared.iter().flat_map(|(left, right)| [(left, right), (right, left)]) {
            if one.source == source && other.source != source {
                let (columns, of) = (vec![one.column.clone()], vec![other.column.clone()]);
                rows.partners.push(Partner { columns, table: other.table.name.clone(), of, rows: RowRequest::of(&[]) });
            }
        }
        rows
    }

    /// Returns the columns that an expression names.
    fn columns_in(&self, scope: usize, tokens: &[Token<'_>]) -> Vec<SourceColumn<'s>> {
        let start = |at: usize| if at > 1 && tokens[at - 1].is_symbol(".") { at - 2 } else { at };
        let is_last = |at: usize| tokens.get(at + 1).is_none_or(|next| !next.is_symbol(".") && !next.is_symbol("("));
        let names = (0..tokens.len()).filter(|at| is_last(*at));
        names.filter_map(|at| self.known.column(self.scopes, scope, &tokens[start(at)..=at])).collect()
    }

    /// Makes a row that alone fulfils a HAVING: `sum(n) = 0` is true of one row whose `n` is 0.
    fn added_up(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let [[key]] = it.alike.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] else { return };
        let Some(key) = self.known.column(self.scopes, scope, key) else { return };
        for condition in &it.having {
            let Some(local) = self.known.local(self.scopes, scope, &of_one_row(condition)) else { continue };
            if local.source != key.source {
                continue;
            }
            let alone = self.matching(key.source).and(format!("({}) IS TRUE", local.sql));
            let (table, column) = (quote_identifier(&key.table.name), quote_identifier(&key.column));
            let free = |at: &str| format!("{at} NOT IN (SELECT {column} FROM {table} WHERE {column} IS NOT NULL)");
            let outer = self.scopes.iter().enumerate().flat_map(|(outer, it)| {
                let of_it = it.contained.iter().filter(|(_, query)| *query == scope);
                of_it.filter_map(move |(left, _)| self.known.column(self.scopes, outer, left.first()?))
            });
            let partners = outer.filter_map(|outer| {
                let is_free = self.matching(outer.source).and(free(&quote_identifier(&outer.column)));
                maker.values(outer.table, &is_free, &[outer.column])?.pop()
            });
            let partner: Option<Value> = partners.collect::<Vec<_>>().pop();
            let request = partner.map_or_else(|| alone.clone(), |value| alone.with(&key.column, value));
            maker.make(key.table, &request, 1);
        }
    }

    /// Makes documents that have the members which the conditions of `json_each` name, and another one.
    fn documents(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let it = &self.scopes[scope];
        let conditions: Vec<&str> = it.conditions.iter().flatten().map(|token| token.text).collect();
        let words = candidate_values(&conditions.join(" ")).into_iter().filter_map(|value| match value {
            Value::Text(text) => Some(text.replace(|letter: char| !letter.is_alphanumeric() && letter != '-', "")),
            _ => None,
        });
        let words: SortedSet<String> = words.filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return;
        }
        let members: String = words.iter().map(|word| format!("\"{word}\": \"{word}\", ")).collect();
        let list: String = words.iter().map(|word| format!("\"{word}\", ")).collect();
        for document in it.documents.iter().filter_map(|document| self.known.column(self.scopes, scope, document)) {
            for text in [format!("{{{members}\"other\": 1}}"), format!("[{list}\"other\"]")] {
                let rows = self.matching(document.source).with(&document.column, Value::Text(text));
                maker.make(document.table, &rows, 1);
            }
        }
    }

    /// Makes rows that refer to each other, as many as a recursive query counts.
    fn below_each_other(&self, scope: usize, maker: &mut RowMaker<'_>) {
        if !self.scopes[scope].is_recursive {
            return;
        }
        let numbers = self.scopes.iter().flat_map(|it| it.conditions.iter().flatten());
        let numbers = numbers.filter_map(|token| token.text.parse::<u64>().ok()).filter(|it| *it <= MOST_COUNTED / 4);
        let depth = numbers.max().unwrap_or(0) + DEPTH;
        for (one, other) in self.compared(scope, false) {
            let is_root = |column: &SourceColumn<'_>| column.source.0 != scope || column.source == (scope, 0);
            let (child, parent) = if is_root(&one) { (&one, &other) } else { (&other, &one) };
            if child.table.name == parent.table.name && child.column != parent.column {
                let refers = |column: &Name| {
                    let mut keys = child.table.foreign_keys.iter();
                    keys.any(|key| key.parent == child.table.name && key.columns == [column.clone()])
                };
                let (own, key) = match refers(&parent.column) {
                    true => (&parent.column, &child.column),
                    false => (&child.column, &parent.column),
                };
                chain(child.table, (own, key), depth, maker);
            }
        }
    }

    /// Makes one row more than a LIMIT takes, also of those that the query around it selects: else all of these may be within.
    fn beyond_limit(&self, scope: usize, maker: &mut RowMaker<'_>) {
        let Some(limit) = self.scopes[scope].limit else { return };
        let table = self.scopes[scope].sources.first().and_then(|_| self.known.table_of(self.scopes, (scope, 0)));
        let Some(table) = table else { return };
        let is_met = limit <= MOST_OF_LIMIT && maker.ensure(table, &self.matching((scope, 0)), limit + 1);
        if !is_met && limit > 1 {
            maker.unmet.push(format!("{} beyond LIMIT {limit}", table.name));
        }
        for (around, it) in self.scopes.iter().enumerate().filter(|_| is_met) {
            let left = it.contained.iter().filter(|(_, query)| *query == scope).filter_map(|(left, _)| left.first());
            for column in left.filter_map(|left| self.known.column(self.scopes, around, left)) {
                maker.ensure(column.table, &self.matching(column.source), limit + 1);
            }
        }
    }
}

/// Makes a row without a parent, one below it, and so on.
fn chain(table: &Table, (own, key): (&Name, &Name), depth: u64, maker: &mut RowMaker<'_>) {
    let key_is = quote_identifier(key);
    let root = RowRequest::of(&[format!("{} IS NULL", quote_identifier(own))]);
    if !maker.ensure(table, &root, 1) {
        return;
    }
    let mut last = maker.values(table, &root, std::slice::from_ref(key)).and_then(|mut values| values.pop());
    for _ in 0..depth {
        let Some(value) = last else { return };
        let below = RowRequest::default().with(own, value);
        if !maker.ensure(table, &below, 1) {
            return;
        }
        // The last of them may be the only one with no row below it.
        let other = below.and(format!("{key_is} IS NOT {}", quote_identifier(own)));
        last = maker.values(table, &other, std::slice::from_ref(key)).and_then(|mut values| values.pop());
    }
}

/// Returns what a condition about groups says of a group of one row.
fn of_one_row<'a>(condition: &[Token<'a>]) -> Tokens<'a> {
    const OF_VALUES: [&str; 5] = ["sum", "total", "avg", "min", "max"];
    let mut found = Tokens::new();
    for (at, token) in condition.iter().enumerate() {
        let is_call = condition.get(at + 1).is_some_and(|next| next.is_symbol("("));
        if !(is_call && OF_VALUES.iter().any(|word| token.is(word))) {
            found.push(*token);
        }
    }
    found
}

/// Makes a row whose value in a column is beyond all others, and one whose value is below them.
fn far_beyond(SourceColumn { table, column, .. }: &SourceColumn<'_>, rows: &RowRequest, maker: &mut RowMaker<'_>) {
    let Some(declared) = table.column(column) else { return };
    if table.foreign_keys.iter().any(|key| key.columns.contains(column)) {
        return;
    }
    let (word, name) = (type_word(declared), quote_identifier(column));
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let number = |function: &str, distance: i64, maker: &RowMaker<'_>| {
        let number = maker.extreme(table, &RowRequest::default(), &format!("CAST({function}({name}) AS INTEGER)"));
        number.and_then(|it| it.checked_add(distance)).map(Value::Integer)
    };
    let ends = match declared.affinity {
        _ if word.starts_with("DATE") || word.starts_with("TIME") => [text("9999-12-31"), text("0001-01-01")],
        Affinity::Integer | Affinity::Real => [number("max", FAR, maker), number("min", -FAR, maker)],
        // No letter or digit is greater.
        Affinity::Text => [text("~"), text("")],
        _ => return,
    };
    for far in ends.into_iter().flatten() {
        maker.make(table, &rows.with(column, far), 1);
    }
}
