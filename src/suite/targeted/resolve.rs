//! The columns of a migration's statements, as columns of the schema before it.

use super::conditions::Tokens;
use super::scope::{From, Scope, Target};
use super::scopes::name_of;
use crate::schema::{Schema, Table};
use crate::sql::{Cursor, Name, Token, TokenKind, quote_identifier};
use crate::suite::rows::{RowPlan, is_full_text};
use crate::suite::statements::Effect;

/// A table in a query: the places of the query and of the source.
pub(super) type SourceId = (usize, usize);

/// A column of a source, by its name before the migration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SourceColumn<'s> {
    pub(super) source: SourceId,
    pub(super) table: &'s Table,
    pub(super) column: Name,
}

/// An expression about the columns of one source.
#[derive(Clone, Debug)]
pub(super) struct LocalExpression<'s> {
    pub(super) source: SourceId,
    pub(super) table: &'s Table,
    /// The columns, each once.
    pub(super) columns: Vec<Name>,
    /// The expression with the names that the columns have before the migration, without the name of the table.
    pub(super) sql: String,
}

/// The tables that hold rows from before the migration, by the names that they have at one of its statements.
pub(super) struct KnownTables<'s> {
    tables: Vec<KnownTable<'s>>,
    /// The schema after the migration.
    after: &'s Schema,
}

struct KnownTable<'s> {
    name: Name,
    table: &'s Table,
    /// The names of columns, now and before the migration.
    columns: Vec<(Name, Name)>,
}

impl<'s> KnownTables<'s> {
    pub(super) fn of(schema: &'s Schema, after: &'s Schema, plan: &RowPlan) -> KnownTables<'s> {
        let with_rows = |table: &&Table| plan.is_filled(table) || is_full_text(table);
        let tables = schema.tables.iter().filter(with_rows);
        let columns = |table: &Table| table.columns.iter().map(|it| (it.name.clone(), it.name.clone())).collect();
        let known = |table: &'s Table| KnownTable { name: Name::clone(&table.name), table, columns: columns(table) };
        KnownTables { tables: tables.map(known).collect(), after }
    }

    /// Adds the new tables that a statement copies rows into.
    pub(super) fn add_copies(&mut self, scopes: &[Scope<'_>]) {
        for scope in 0..scopes.len() {
            if let Some(target) = &scopes[scope].target
                && let Some(copy) = self.copied(scopes, scope, target)
            {
                self.tables.push(copy);
            }
        }
    }

    /// Follows the renames of a statement.
    pub(super) fn apply<'e>(&mut self, effects: impl Iterator<Item = &'e Effect>) {
        for effect in effects {
            match effect {
                Effect::DropTable(table) => self.tables.retain(|known| known.name != *table),
                Effect::RenameTable { table, to } => {
                    if let Some(known) = self.tables.iter_mut().find(|known| known.name == *table) {
                        known.name.clone_from(to);
                    }
                }
                Effect::RenameColumn { table, column, to } => {
                    let known = self.tables.iter_mut().filter(|known| known.name == *table);
                    known.flat_map(|known| &mut known.columns).filter(|(now, _)| now == column).for_each(|(now, _)| {
                        now.clone_from(to);
                    });
                }
                _ => {}
            }
        }
    }

    /// Returns the table that a copy fills, if it is new and its columns are columns of one source.
    fn copied(&self, scopes: &[Scope<'_>], scope: usize, target: &Target) -> Option<KnownTable<'s>> {
        if self.tables.iter().any(|known| known.name == target.table) {
            return None;
        }
        let results = self.results(scopes, scope);
        let source = results.iter().flatten().next()?.clone();
        let names: Vec<Name> = match target.columns.is_empty() {
            false => target.columns.clone(),
            true => {
                let stored = self
                    .written(&target.table, source.table)?
                    .columns
                    .iter()
                    .filter(|column| column.generated.is_none());
                stored.map(|column| column.name.clone()).collect()
            }
        };
        let pairs = names.into_iter().zip(results).filter_map(|(name, result)| {
            result.filter(|result| result.source == source.source).map(|result| (name, result.column))
        });
        Some(KnownTable { name: target.table.clone(), table: source.table, columns: pairs.collect() })
    }

    /// Returns the table that has this name at the moment, as it is after the migration. By then it may have the name of the
    /// table that it replaces.
    pub(super) fn written(&self, name: &Name, replaced: &Table) -> Option<&'s Table> {
        self.after.table(name).or_else(|| self.after.table(&replaced.name))
    }

    /// Returns the columns that a query returns. `None` stands for any other expression.
    pub(super) fn results(&self, scopes: &[Scope<'_>], scope: usize) -> Vec<Option<SourceColumn<'s>>> {
        let mut found = Vec::new();
        for result in &scopes[scope].results {
            if result.last().is_some_and(|token| token.is_symbol("*")) && result.len() != 2 {
                let of = result.first().filter(|_| result.len() == 3).and_then(Token::name);
                found.extend(self.all_columns(scopes, scope, of.as_deref()).into_iter().map(Some));
            } else {
                found.push(self.column(scopes, scope, without_alias(result)));
            }
        }
        found
    }

    /// Returns the columns and other expressions in which rows are alike: keys of GROUP BY, or results of DISTINCT, where a
    /// number is a constant. None if one is not understood.
    pub(super) fn alike(
        &self,
        scopes: &[Scope<'_>],
        scope: usize,
        (terms, are_keys): (&[Tokens<'_>], bool),
    ) -> Option<(Vec<SourceColumn<'s>>, Vec<LocalExpression<'s>>)> {
        let results = &scopes[scope].results;
        let (mut columns, mut expressions) = (Vec::new(), Vec::new());
        for term in terms {
            let place = match term.as_slice() {
                [number] if are_keys && number.kind == TokenKind::Number => number.text.parse().ok(),
                _ => None,
            };
            let term = place.and_then(|place: usize| results.get(place.checked_sub(1)?)).unwrap_or(term);
            let of = |term: &Tokens<'_>| {
                let term = without_alias(term);
                (self.column(scopes, scope, term), self.local(scopes, scope, term))
            };
            let alias = || {
                let name = name_of(term)?;
                results
                    .iter()
                    .find(|result| result.len() > 1 && result.last().and_then(Token::name).is_some_and(|it| name == it))
            };
            match of(term) {
                (Some(column), _) => columns.push(column),
                (None, Some(expression)) => expressions.push(expression),
                _ if term.last().is_some_and(|token| token.is_symbol("*")) && term.len() != 2 => {
                    let of = term.first().filter(|_| term.len() == 3).and_then(Token::name);
                    columns.extend(self.all_columns(scopes, scope, of.as_deref()));
                }
                _ if is_literal(without_alias(term)) => {}
                _ => match alias().map(of)? {
                    (Some(column), _) => columns.push(column),
                    (None, expression) => expressions.push(expression?),
                },
            }
        }
        Some((columns, expressions))
    }

    fn all_columns(&self, scopes: &[Scope<'_>], scope: usize, of: Option<&str>) -> Vec<SourceColumn<'s>> {
        let mut found = Vec::new();
        for (at, source) in scopes[scope].sources.iter().enumerate() {
            if of.is_some_and(|name| !source.names.iter().any(|known| known == name)) {
                continue;
            }
            match &source.from {
                From::Table(name) => {
                    let Some(known) = self.tables.iter().find(|known| known.name == *name) else { continue };
                    found.extend(known.columns.iter().map(|(_, column)| SourceColumn {
                        source: (scope, at),
                        table: known.table,
                        column: column.clone(),
                    }));
                }
                From::Query(query) => found.extend(self.results(scopes, *query).into_iter().flatten()),
            }
        }
        found
    }

    /// Returns the table of this name.
    pub(super) fn table(&self, name: &Name) -> Option<&'s Table> {
        self.tables.iter().find(|known| known.name == *name).map(|known| known.table)
    }

    /// Returns a table that there is after the migration.
    pub(super) fn made(&self, name: &Name) -> Option<&'s Table> {
        self.after.table(name)
    }

    /// Returns the table of a source.
    pub(super) fn table_of(&self, scopes: &[Scope<'_>], (scope, source): SourceId) -> Option<&'s Table> {
        match &scopes[scope].sources[source].from {
            From::Table(name) => self.table(name),
            From::Query(_) => None,
        }
    }

    /// Returns the column, if the tokens are one.
    pub(super) fn column(&self, scopes: &[Scope<'_>], scope: usize, tokens: &[Token<'_>]) -> Option<SourceColumn<'s>> {
        match tokens {
            [column] => self.resolve(scopes, scope, None, column),
            [table, dot, column] if dot.is_symbol(".") => self.resolve(scopes, scope, table.name().as_deref(), column),
            _ => None,
        }
    }

    fn resolve(
        &self,
        scopes: &[Scope<'_>],
        scope: usize,
        table: Option<&str>,
        column: &Token<'_>,
    ) -> Option<SourceColumn<'s>> {
        let column = Name::from(column.name().filter(|_| column.kind != TokenKind::Text)?);
        let mut next = Some(scope);
        while let Some(scope) = next {
            for (at, source) in scopes[scope].sources.iter().enumerate() {
                if table.is_some_and(|table| !source.names.iter().any(|name| name == table)) {
                    continue;
                }
                if let Some(found) = self.in_source(scopes, (scope, at), &column) {
                    return Some(found);
                }
            }
            next = scopes[scope].outer;
        }
        None
    }

    /// Returns the column of this name in a source.
    pub(super) fn in_source(&self, scopes: &[Scope<'_>], source: SourceId, column: &Name) -> Option<SourceColumn<'s>> {
        match &scopes[source.0].sources[source.1].from {
            From::Table(name) => self.in_table(name, column, source),
            From::Query(query) => self.in_query(scopes, *query, column),
        }
    }

    fn in_table(&self, name: &Name, column: &Name, source: SourceId) -> Option<SourceColumn<'s>> {
        let known = self.tables.iter().find(|known| known.name == *name)?;
        let before = known.columns.iter().find(|(now, _)| now == column).map(|(_, before)| before.clone());
        let is_rowid = ["rowid", "oid", "_rowid_"].iter().any(|rowid| column == rowid) && !known.table.without_rowid;
        let column = before.or_else(|| is_rowid.then(|| column.clone()))?;
        Some(SourceColumn { source, table: known.table, column })
    }

    fn in_query(&self, scopes: &[Scope<'_>], query: usize, column: &Name) -> Option<SourceColumn<'s>> {
        let results = self.results(scopes, query);
        let of_with = scopes[query].names.iter().position(|name| name == column);
        let is_it = |result: &Tokens<'_>| result.last().and_then(Token::name).is_some_and(|name| *column == name);
        let named = of_with.or_else(|| scopes[query].results.iter().position(is_it));
        match named {
            Some(at) => self.column(scopes, query, without_alias(&scopes[query].results[at])),
            // Of `*`.
            None => results.into_iter().flatten().find(|result| result.column == *column),
        }
    }

    /// Returns an expression about one source. `None` if it is about several or none, or if it is not understood.
    pub(super) fn local(
        &self,
        scopes: &[Scope<'_>],
        scope: usize,
        tokens: &[Token<'_>],
    ) -> Option<LocalExpression<'s>> {
        let mut found: Option<LocalExpression<'s>> = None;
        let mut sql: Vec<String> = Vec::new();
        let mut cursor = Cursor::new(tokens);
        while let Some(token) = cursor.peek() {
            let at = cursor.at();
            let is_call = tokens.get(at + 1).is_some_and(|next| next.is_symbol("("));
            let is_qualified = tokens.get(at + 1).is_some_and(|next| next.is_symbol("."));
            let is_query = token.is("select") || token.is("with") || token.is("over");
            if is_query || (is_call && is_aggregate(token, tokens.get(at + 2..)?)) {
                return None;
            }
            let is_name = matches!(token.kind, TokenKind::Word | TokenKind::Quoted) && !is_call;
            let is_type = at > 0 && (tokens[at - 1].is("as") || tokens[at - 1].is("collate"));
            if is_name && !is_type && (is_qualified || !is_keyword(token)) {
                let length = if is_qualified { 3 } else { 1 };
                let column = self.column(scopes, scope, tokens.get(at..at + length)?)?;
                sql.push(quote_identifier(&column.column));
                cursor.seek(at + length);
                let source = column.source;
                let local = found.get_or_insert_with(|| LocalExpression {
                    source,
                    table: column.table,
                    columns: Vec::new(),
                    sql: String::new(),
                });
                if local.source != source {
                    return None;
                }
                if !local.columns.contains(&column.column) {
                    local.columns.push(column.column);
                }
            } else {
                sql.push(token.text.to_owned());
                cursor.next();
            }
        }
        found.map(|found| LocalExpression { sql: sql.join(" "), ..found })
    }
}

/// Returns a result without `AS name`.
pub(super) fn without_alias<'t, 'a>(result: &'t [Token<'a>]) -> &'t [Token<'a>] {
    match result {
        [value @ .., keyword, _] if keyword.is("as") => value,
        // `a b`, `t.a b`, `f(a) b`
        [value @ .., last, alias]
            if name_of(std::slice::from_ref(alias)).is_some()
                && !is_keyword(alias)
                && (last.is_symbol(")") || (last.name().is_some() && !is_keyword(last))) =>
        {
            &result[..value.len() + 1]
        }
        _ => result,
    }
}

fn is_literal(expression: &[Token<'_>]) -> bool {
    expression.iter().all(|token| match token.kind {
        TokenKind::Word => token.is("null") || token.is("true") || token.is("false"),
        TokenKind::Quoted => false,
        _ => true,
    })
}

fn is_keyword(token: &Token<'_>) -> bool {
    const KEYWORDS: [&str; 30] = [
        "and",
        "or",
        "not",
        "is",
        "null",
        "in",
        "like",
        "glob",
        "regexp",
        "match",
        "between",
        "case",
        "when",
        "then",
        "else",
        "end",
        "exists",
        "isnull",
        "notnull",
        "collate",
        "cast",
        "as",
        "escape",
        "distinct",
        "from",
        "true",
        "false",
        "current_date",
        "current_time",
        "current_timestamp",
    ];
    KEYWORDS.iter().any(|word| token.is(word))
}

/// Returns true if a function takes its argument from several rows. `inside` follows its parenthesis.
fn is_aggregate(name: &Token<'_>, inside: &[Token<'_>]) -> bool {
    const AGGREGATES: [&str; 9] = [
        "count",
        "sum",
        "total",
        "avg",
        "group_concat",
        "string_agg",
        "json_group_array",
        "json_group_object",
        "median",
    ];
    let has_one_argument = || {
        let end = crate::sql::end_of(inside, 0, |_| false);
        crate::sql::between_commas(&inside[..end]).len() == 1
    };
    AGGREGATES.iter().any(|word| name.is(word)) || ((name.is("min") || name.is("max")) && has_one_argument())
}

/// Returns the two sides of `a = b`, `a <= b` or `a >= b`.
pub(super) fn sides<'t, 'a>(condition: &'t Tokens<'a>) -> Option<(&'t [Token<'a>], &'t [Token<'a>])> {
    let is_true_of_equals =
        |token: &Token<'_>| ["=", "==", "<=", ">="].iter().any(|it| token.is_symbol(it)) || token.is("is");
    let equals = condition.iter().position(is_true_of_equals)?;
    Some((&condition[..equals], &condition[equals + 1..]))
}
