//! A statement, read as queries: their sources, conditions, and the expressions that they store.
//!
//! Text that is not understood is left out: no rows are made for it, and the rows that are there decide.

use super::conditions::{Tokens, conjuncts, contained, group};
use super::scope::{From, Scope, Source, Target, View};
use crate::schema::TriggerText;
use crate::sql::{Cursor, Name, Token, TokenKind, between_commas, end_of, outside};

/// Returns the queries of a statement, and of the views that it names.
pub(super) fn of_statement<'a>(statement: &[Token<'a>], views: &[View<'a>]) -> Vec<Scope<'a>> {
    let statement = match statement {
        [statement @ .., end] if end.is_symbol(";") => statement,
        _ => statement,
    };
    let mut reader = Reader { scopes: Vec::new(), queries: Vec::new() };
    for view in views {
        let is_named = statement.iter().any(|token| token.name().is_some_and(|name| view.name == name));
        if is_named && let Some(query) = reader.select(&view.query, None) {
            reader.queries.push((view.name.clone(), query));
        }
    }
    reader.statement(statement, None);
    reader.scopes
}

/// Returns the queries of a trigger of a table. `NEW` and `OLD` are the same row of it, one that the UPDATE or DELETE changes,
/// but `NEW` has what the UPDATE assigns.
pub(super) fn of_trigger<'a>(table: &Name, trigger: &TriggerText<'a>, change: Option<&Scope<'a>>) -> Vec<Scope<'a>> {
    let mut names = vec![Name::from("NEW"), Name::from("OLD")];
    names.extend(change.and_then(|change| change.sources.first()).into_iter().flat_map(|row| row.names.clone()));
    let assigned = change.map_or(&[][..], |change| &change.assignments);
    let row = Source { from: From::Table(table.clone()), names, is_optional: false, is_natural: false };
    let mut reader = Reader { scopes: Vec::new(), queries: Vec::new() };
    let conditions = change.map(|change| change.conditions.clone()).unwrap_or_default();
    let around = reader.push(Scope { sources: vec![row], conditions, ..Scope::default() });
    reader.condition(around, &with_assigned(&trigger.when, assigned));
    for statement in &trigger.statements {
        reader.statement(&with_assigned(statement, assigned), Some(around));
    }
    reader.scopes
}

/// Puts the values that an UPDATE assigns in place of `NEW.column`.
fn with_assigned<'a>(tokens: &[Token<'a>], assigned: &[(Name, Tokens<'a>)]) -> Tokens<'a> {
    let symbol = |text| Token { kind: TokenKind::Symbol, text, start: 0 };
    let mut found = Tokens::new();
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let value = match rest {
            [row, dot, column, ..] if row.is("new") && dot.is_symbol(".") => {
                column.name().and_then(|column| assigned.iter().find(|(name, _)| *name == column))
            }
            _ => None,
        };
        match value {
            Some((_, value)) => {
                found.push(symbol("("));
                found.extend_from_slice(value);
                found.push(symbol(")"));
            }
            None => found.push(*first),
        }
        rest = &rest[if value.is_some() { 3 } else { 1 }..];
    }
    found
}

struct Reader<'a> {
    scopes: Vec<Scope<'a>>,
    /// The queries of WITH and of views, by their names.
    queries: Vec<(Name, usize)>,
}

impl<'a> Reader<'a> {
    fn push(&mut self, scope: Scope<'a>) -> usize {
        self.scopes.push(scope);
        self.scopes.len() - 1
    }

    fn statement(&mut self, tokens: &[Token<'a>], outer: Option<usize>) {
        let mut cursor = Cursor::new(tokens);
        self.with(&mut cursor, outer);
        if cursor.sees("select") {
            self.select(cursor.rest(), outer);
        } else if cursor.sees("insert") || cursor.sees("replace") {
            let has_conflict_clause = cursor.sees("replace");
            cursor.next();
            self.insert(&mut cursor, has_conflict_clause, outer);
        } else if cursor.take("update") {
            self.update(&mut cursor, outer);
        } else if cursor.take("delete") {
            cursor.take("from");
            if let Some(source) = self.source(&mut cursor, outer) {
                let changes = source.table();
                let scope = self.push(Scope { outer, sources: vec![source], changes, ..Scope::default() });
                self.clauses(scope, cursor.rest());
            }
        } else if cursor.take("create") {
            take_all(&mut cursor, &["temp", "temporary"]);
            if cursor.take("unique") {
                self.unique_index(&mut cursor);
            } else if cursor.take("table") {
                take_all(&mut cursor, &["if", "not", "exists"]);
                let table = cursor.object_name();
                if cursor.take("as")
                    && let Some(table) = table
                {
                    let target = Target { table: table.into(), columns: Vec::new() };
                    self.copy(cursor.rest(), target, false, outer);
                }
            }
        }
    }

    /// Reads `INDEX name ON table(terms) WHERE ..`.
    fn unique_index(&mut self, cursor: &mut Cursor<'_, 'a>) {
        cursor.take("index");
        take_all(cursor, &["if", "not", "exists"]);
        cursor.object_name();
        cursor.take("on");
        let Some(table) = cursor.name().map(Name::from) else { return };
        let Some(terms) = group(cursor) else { return };
        let plain = |term: &[Token<'a>]| -> Tokens<'a> {
            let end = term.iter().position(|it| it.is("collate") || it.is("asc") || it.is("desc"));
            term[..end.unwrap_or(term.len())].to_vec()
        };
        let unique = between_commas(terms).into_iter().map(plain).collect();
        let source =
            Source { from: From::Table(table.clone()), names: vec![table], is_optional: false, is_natural: false };
        let scope = self.push(Scope { sources: vec![source], unique, ..Scope::default() });
        self.clauses(scope, cursor.rest());
    }

    fn with(&mut self, cursor: &mut Cursor<'_, 'a>, outer: Option<usize>) {
        if !cursor.take("with") {
            return;
        }
        let is_recursive = cursor.take("recursive");
        while let Some(name) = cursor.name().map(Name::from) {
            let names = group(cursor).map(|list| between_commas(list).into_iter().filter_map(name_of).collect());
            take_all(cursor, &["as", "not", "materialized"]);
            let Some(query) = group(cursor) else { return };
            let first = self.scopes.len();
            if is_recursive && query.first().is_some_and(|token| token.is("select")) {
                self.queries.push((name.clone(), first));
            }
            if let Some(query) = self.select(query, outer) {
                let reads_itself = |scope: &Scope<'_>| {
                    scope.sources.iter().any(|source| matches!(source.from, From::Query(read) if read == query))
                };
                for scope in &mut self.scopes[first..] {
                    scope.is_recursive = is_recursive && reads_itself(scope);
                }
                if self.scopes[query].is_recursive {
                    // SQLite refuses it: the first query would be read for ever.
                    self.scopes[query].sources.clear();
                }
                self.scopes[query].names = names.unwrap_or_default();
                self.queries.push((name, query));
            }
            if !cursor.take_symbol(",") {
                return;
            }
        }
    }

    fn insert(&mut self, cursor: &mut Cursor<'_, 'a>, replaces: bool, outer: Option<usize>) {
        let ignores = take_conflict_clause(cursor);
        cursor.take("into");
        let Some(table) = cursor.object_name() else { return };
        if cursor.take("as") {
            cursor.next();
        }
        let columns = group(cursor).map(|list| between_commas(list).into_iter().filter_map(name_of).collect());
        let target = Target { table: table.into(), columns: columns.unwrap_or_default() };
        let query = cursor.rest();
        let upsert = outside(query)
            .find(|(at, token)| token.is("on") && query.get(at + 1).is_some_and(|next| next.is("conflict")));
        let (query, is_upsert) = upsert.map_or((query, false), |(at, _)| (&query[..at], true));
        self.copy(query, target, replaces || ignores || is_upsert, outer);
    }

    fn copy(&mut self, query: &[Token<'a>], target: Target, has_conflict_clause: bool, outer: Option<usize>) {
        let mut cursor = Cursor::new(query);
        self.with(&mut cursor, outer);
        let scope = if cursor.take("values") {
            let mut rows = Vec::new();
            while let Some(row) = group(&mut cursor) {
                rows.push(between_commas(row).into_iter().map(<[_]>::to_vec).collect());
                cursor.take_symbol(",");
            }
            Some(self.push(Scope { outer, rows, ..Scope::default() }))
        } else {
            self.select(cursor.rest(), outer)
        };
        if let Some(scope) = scope {
            self.scopes[scope].target = Some(target);
            self.scopes[scope].has_conflict_clause = has_conflict_clause;
        }
    }

    fn update(&mut self, cursor: &mut Cursor<'_, 'a>, outer: Option<usize>) {
        let has_conflict_clause = take_conflict_clause(cursor);
        let Some(source) = self.source(cursor, outer) else { return };
        let changes = source.table();
        let scope = self.push(Scope { outer, sources: vec![source], has_conflict_clause, changes, ..Scope::default() });
        if !cursor.take("set") {
            return;
        }
        let rest = cursor.rest();
        let set =
            cursor.skip_to(|token| ["from", "where", "returning", "order", "limit"].iter().any(|word| token.is(word)));
        for assignment in between_commas(set) {
            let Some(equals) = assignment.iter().position(|token| token.is_symbol("=")) else { continue };
            let value = &assignment[equals + 1..];
            self.expression(scope, value);
            if let Some(column) = name_of(&assignment[..equals]) {
                self.scopes[scope].assignments.push((column, value.to_vec()));
            }
        }
        self.clauses(scope, &rest[set.len()..]);
    }

    /// Reads a query. Returns the first of its SELECTs.
    fn select(&mut self, tokens: &[Token<'a>], outer: Option<usize>) -> Option<usize> {
        let is_compound = |token: &Token<'_>| ["union", "except", "intersect"].iter().any(|word| token.is(word));
        let mut parts: Vec<usize> = Vec::new();
        let (mut is_union, mut is_compared) = (false, false);
        let mut cursor = Cursor::new(tokens);
        loop {
            let part = cursor.skip_to(is_compound);
            if part.first().is_some_and(|token| token.is("select")) {
                let query = self.core(&part[1..], outer);
                // The rows of EXCEPT and INTERSECT are those of the first query that are in the second one, or not.
                if let Some(first) = parts.first().copied().filter(|_| is_compared) {
                    let results = self.scopes[first].results.clone();
                    self.scopes[first].contained.push((results, query));
                }
                parts.push(query);
            }
            let Some(operator) = cursor.next() else { break };
            is_compared = !operator.is("union");
            is_union |= operator.is("union") && !cursor.take("all");
        }
        for part in &parts {
            self.scopes[*part].is_distinct |= is_union;
        }
        parts.first().copied()
    }

    /// Reads what follows SELECT.
    fn core(&mut self, tokens: &[Token<'a>], outer: Option<usize>) -> usize {
        let scope = self.push(Scope { outer, ..Scope::default() });
        let mut cursor = Cursor::new(tokens);
        let is_distinct = cursor.take("distinct");
        cursor.take("all");
        let start = cursor.at();
        let end = clause_after(tokens, start);
        let results: Vec<Tokens<'a>> = between_commas(&tokens[start..end]).into_iter().map(<[_]>::to_vec).collect();
        self.clauses(scope, &tokens[end..]);
        for result in &results {
            self.expression(scope, result);
        }
        self.scopes[scope].is_distinct = is_distinct;
        self.scopes[scope].results = results;
        scope
    }

    /// Reads the clauses from FROM or WHERE on.
    fn clauses(&mut self, scope: usize, tokens: &[Token<'a>]) {
        let mut start = 0;
        while start < tokens.len() {
            let end = clause_after(tokens, start + 1);
            let clause = &tokens[start + 1..end];
            match tokens[start].text.to_ascii_lowercase().as_str() {
                "from" => self.from(scope, clause),
                "where" => self.condition(scope, clause),
                "group" => {
                    let keys = clause.get(1..).unwrap_or_default();
                    let keys = between_commas(keys).into_iter().map(<[_]>::to_vec).collect();
                    self.scopes[scope].alike.push(keys);
                }
                "limit" => {
                    // `LIMIT -1 OFFSET 100` leaves 100 rows.
                    let numbers =
                        clause.iter().enumerate().filter(|(at, _)| *at == 0 || !clause[at - 1].is_symbol("-"));
                    let numbers = numbers.filter_map(|(_, token)| token.text.parse::<u64>().ok());
                    self.scopes[scope].limit = numbers.reduce(u64::saturating_add);
                }
                "having" => {
                    self.expression(scope, clause);
                    conjuncts(clause, &mut self.scopes[scope].having);
                }
                "order" => self.expression(scope, clause),
                _ => {}
            }
            start = end;
        }
    }

    fn from(&mut self, scope: usize, tokens: &[Token<'a>]) {
        const JOINS: [&str; 8] = ["natural", "left", "right", "full", "outer", "inner", "cross", "join"];
        let mut cursor = Cursor::new(tokens);
        let (mut is_optional, mut is_natural) = (false, false);
        loop {
            let outer = self.scopes[scope].outer;
            if let [function, open, arguments @ ..] = cursor.rest()
                && (function.is("json_each") || function.is("json_tree"))
                && open.is_symbol("(")
            {
                let document = &arguments[..end_of(arguments, 0, |token| token.is_symbol(","))];
                self.scopes[scope].documents.push(document.to_vec());
            }
            let Some(source) = self.source(&mut cursor, outer) else { return };
            self.scopes[scope].sources.push(Source { is_optional, is_natural, ..source });
            if cursor.take("using")
                && let Some(columns) = group(&mut cursor)
            {
                let right = self.scopes[scope].sources.len() - 1;
                let columns = between_commas(columns).into_iter().filter_map(name_of).map(|column| (right, column));
                self.scopes[scope].shared.extend(columns);
            }
            if cursor.take("on") {
                let is_next = |token: &Token<'_>| token.is_symbol(",") || JOINS.iter().any(|word| token.is(word));
                let condition = cursor.skip_to(is_next).to_vec();
                self.condition(scope, &condition);
            }
            let at = cursor.at();
            cursor.take_symbol(",");
            is_natural = cursor.sees("natural");
            is_optional = cursor.rest().iter().take(2).any(|token| token.is("left") || token.is("full"));
            take_all(&mut cursor, &JOINS);
            if cursor.at() == at {
                return;
            }
        }
    }

    /// Reads a table, or a query in parentheses, with its alias.
    fn source(&mut self, cursor: &mut Cursor<'_, 'a>, outer: Option<usize>) -> Option<Source> {
        let (from, own_name) = match group(cursor) {
            Some(query) => (From::Query(self.select(query, outer)?), None),
            None => {
                let name = Name::from(cursor.object_name()?);
                let known = self.queries.iter().find(|(known, _)| *known == name).map(|(_, query)| *query);
                // A function that returns rows.
                cursor.group();
                (known.map_or_else(|| From::Table(name.clone()), From::Query), Some(name))
            }
        };
        const NO_ALIAS: [&str; 24] = [
            "set",
            "from",
            "where",
            "on",
            "using",
            "natural",
            "left",
            "right",
            "full",
            "outer",
            "inner",
            "cross",
            "join",
            "group",
            "having",
            "window",
            "order",
            "limit",
            "returning",
            "indexed",
            "not",
            "union",
            "except",
            "intersect",
        ];
        let has_as = cursor.take("as");
        let may_be_alias =
            cursor.peek().is_some_and(|token| token.name().is_some() && !NO_ALIAS.iter().any(|word| token.is(word)));
        let alias = if has_as || may_be_alias { cursor.name().map(Name::from) } else { None };
        if cursor.take("indexed") {
            cursor.take("by");
            cursor.next();
        } else if cursor.take("not") {
            cursor.take("indexed");
        }
        Some(Source { from, names: alias.or(own_name).into_iter().collect(), is_optional: false, is_natural: false })
    }

    fn condition(&mut self, scope: usize, tokens: &[Token<'a>]) {
        self.expression(scope, tokens);
        conjuncts(tokens, &mut self.scopes[scope].conditions);
    }

    /// Reads the queries, the conditions of CASE and the partitions within an expression.
    fn expression(&mut self, scope: usize, tokens: &[Token<'a>]) {
        let mut cursor = Cursor::new(tokens);
        while let Some(token) = cursor.peek() {
            let at = cursor.at();
            if token.is("case") {
                self.case(scope, &tokens[at + 1..]);
            }
            if token.is("partition") {
                let rest = tokens.get(at + 2..).unwrap_or_default();
                let keys = &rest
                    [..end_of(rest, 0, |token| ["order", "rows", "range", "groups"].iter().any(|word| token.is(word)))];
                let keys = between_commas(keys).into_iter().map(<[_]>::to_vec).collect();
                self.scopes[scope].alike.push(keys);
            }
            match cursor.group() {
                Some(inside) => {
                    let inner = &tokens[inside];
                    let is_query = inner.first().is_some_and(|token| token.is("select") || token.is("with"));
                    if is_query {
                        let mut query = Cursor::new(inner);
                        self.with(&mut query, Some(scope));
                        let query = self.select(query.rest(), Some(scope));
                        let before = at.checked_sub(1).map(|before| (&tokens[before], contained(&tokens[..before])));
                        match query.zip(before) {
                            Some((query, (word, left))) if word.is("in") => {
                                self.scopes[scope].contained.push((left, query));
                            }
                            Some((query, (sign, left))) if sign.text.starts_with(['<', '>']) => {
                                self.scopes[scope].compared.push((left, query));
                            }
                            _ => {}
                        }
                    } else {
                        self.expression(scope, inner);
                    }
                }
                None => drop(cursor.next()),
            }
        }
    }

    /// Reads the conditions of the CASE that begins here.
    fn case(&mut self, scope: usize, tokens: &[Token<'a>]) {
        let mut depth = 0;
        let mut start = 0;
        let mut base: Option<Tokens<'a>> = None;
        for (at, token) in outside(tokens) {
            if token.is("case") {
                depth += 1;
            } else if token.is("end") && depth > 0 {
                depth -= 1;
            } else if depth > 0 {
                continue;
            } else if token.is("when") {
                if base.is_none() {
                    base = Some(tokens[..at].to_vec());
                }
                start = at + 1;
            } else if token.is("then") {
                let mut arm = base.clone().unwrap_or_default();
                if !arm.is_empty() {
                    arm.push(Token { kind: TokenKind::Symbol, text: "=", start: 0 });
                }
                arm.extend_from_slice(&tokens[start..at]);
                self.scopes[scope].arms.push(arm);
            } else if token.is("end") {
                return;
            }
        }
    }
}

fn take_all(cursor: &mut Cursor<'_, '_>, words: &[&str]) {
    while words.iter().any(|word| cursor.take(word)) {}
}

/// Moves past `OR IGNORE` and the like. Returns true if rows may be left out or replaced.
fn take_conflict_clause(cursor: &mut Cursor<'_, '_>) -> bool {
    cursor.take("or") && cursor.next().is_some_and(|token| token.is("ignore") || token.is("replace"))
}

/// Returns the name, if the tokens are one name.
pub(super) fn name_of(tokens: &[Token<'_>]) -> Option<Name> {
    match tokens {
        [one] => one.name().map(Name::from),
        _ => None,
    }
}

/// Returns the place of the next clause of a SELECT, UPDATE or DELETE.
fn clause_after(tokens: &[Token<'_>], start: usize) -> usize {
    const CLAUSES: [&str; 8] = ["from", "where", "group", "having", "window", "order", "limit", "returning"];
    let start = start.min(tokens.len());
    let mut previous = "";
    end_of(&tokens[start..], 0, |token| {
        // `IS DISTINCT FROM`.
        let is_clause = CLAUSES.iter().any(|word| token.is(word)) && !previous.eq_ignore_ascii_case("distinct");
        previous = token.text;
        is_clause
    }) + start
}
