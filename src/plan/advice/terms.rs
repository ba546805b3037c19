//! What a statement says of the columns of a table, read from its words: what is worth an index to be tried.

use crate::plan::Plan;
use crate::plan::tree::Origin;
use crate::schema::Schema;
use crate::schema::{Affinity, Column, IndexedExpr, Table, TableKind};
use crate::sql::{Token, TokenKind, plain_name, tokens};

/// A column or expression of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// With its collation, without its direction.
    pub(super) sql: String,
    /// The column, if it is one.
    pub(super) column: Option<String>,
    pub(super) descending: bool,
}

/// An index that could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) table: String,
    pub(super) terms: Vec<Term>,
}

impl Candidate {
    pub(super) fn create(&self, name: &str) -> String {
        let terms: Vec<String> = self.terms.iter().map(Term::to_sql).collect();
        format!("CREATE INDEX {} ON {}({});", plain_name(name), plain_name(&self.table), terms.join(", "))
    }

    pub(super) fn with(&self, term: &Term) -> Candidate {
        let mut longer = self.clone();
        longer.terms.push(term.clone());
        longer
    }

    /// The same, read from its other end, if all of it is descending.
    pub(super) fn turned(&self) -> Candidate {
        let mut turned = self.clone();
        if self.terms.iter().all(|term| term.descending) {
            turned.terms.iter_mut().for_each(|term| term.descending = false);
        }
        turned
    }

    /// Whether it is searched by this already. A column in another collation is of no use behind itself.
    pub(super) fn has(&self, term: &Term) -> bool {
        self.terms.iter().any(|own| own.is(term) || (own.column.is_some() && own.column == term.column))
    }
}

impl Term {
    pub(super) fn column(column: &Column) -> Term {
        Term { sql: plain_name(&column.name), column: Some(column.name.to_string()), descending: false }
    }

    fn collated(column: &Column, collation: &str) -> Term {
        Term { sql: format!("{} COLLATE {}", plain_name(&column.name), plain_name(collation)), ..Term::column(column) }
    }

    /// Whether they are of the same, in whatever direction.
    pub(super) fn is(&self, other: &Term) -> bool {
        self.sql.eq_ignore_ascii_case(&other.sql)
    }

    pub(super) fn to_sql(&self) -> String {
        format!("{}{}", self.sql, if self.descending { " DESC" } else { "" })
    }
}

/// What is worth a try on a table.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) table: String,
    /// What rows may be searched by, in the order of the statement.
    pub(super) singles: Vec<Term>,
    /// What rows may be wanted in the order of. Empty for the order of the rowid, which is that of the rows that an index
    /// finds for one value.
    pub(super) lists: Vec<Vec<Term>>,
}

/// What is worth a try on the tables of a plan.
pub(super) fn wanted(plan: &Plan, schema: &Schema) -> Vec<Wanted> {
    let texts = texts(plan, schema);
    let texts: Vec<Vec<Token<'_>>> = texts.iter().map(|text| tokens(text)).collect();
    let mut tables: Vec<&Table> = Vec::new();
    for table in plan.all().filter_map(|node| schema.table(node.table.as_deref()?)) {
        // Of few rows, SQLite scans what it would search among many; an index would tell nothing.
        let few = plan.catalog.counted_rows(&table.name).is_some_and(|rows| rows < crate::plan::statistics::FEW_ROWS);
        if table.kind == TableKind::Ordinary && !few && !tables.iter().any(|known| known.name == table.name) {
            tables.push(table);
        }
    }
    let collations = collations(&texts, &tables);
    tables.iter().map(|table| of_table(table, &texts, &collations, writes(&texts[0]))).collect()
}

/// The statement, the views that it reads, and the triggers that it sets off.
fn texts<'a>(plan: &'a Plan, schema: &'a Schema) -> Vec<&'a str> {
    let mut texts = vec![plan.sql()];
    let mut at = 0;
    while at < texts.len() {
        let names: Vec<String> = tokens(texts[at]).iter().filter_map(Token::name).collect();
        let is_named = |name: &str| names.iter().any(|named| named.eq_ignore_ascii_case(name));
        for view in schema.views.iter().filter(|view| is_named(&view.name)) {
            if !texts.contains(&view.sql.as_str()) {
                texts.push(&view.sql);
            }
        }
        if at == 0 {
            let triggers = plan.effects().iter().filter_map(|effect| match &effect.origin {
                Origin::Trigger(name) => plan.catalog.objects.iter().find(|o| o.kind == "trigger" && o.name == *name),
                _ => None,
            });
            for sql in triggers.filter_map(|trigger| trigger.sql.as_deref()) {
                if !texts.contains(&sql) {
                    texts.push(sql);
                }
            }
        }
        at += 1;
    }
    texts
}

fn writes(statement: &[Token<'_>]) -> bool {
    statement.iter().any(|token| ["delete", "update", "replace", "insert"].iter().any(|word| token.is(word)))
}

/// The collations in which texts may be compared.
fn collations(texts: &[Vec<Token<'_>>], tables: &[&Table]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        if !found.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            found.push(name.to_owned());
        }
    };
    for text in texts {
        for (at, token) in text.iter().enumerate() {
            if token.is("collate") {
                text.get(at + 1).and_then(Token::name).iter().for_each(|name| add(name));
            } else if token.is("like") {
                add("NOCASE");
            } else if token.is("glob") {
                add("BINARY");
            }
        }
    }
    for column in tables.iter().flat_map(|table| &table.columns) {
        if !column.collation.eq_ignore_ascii_case("BINARY") {
            add(&column.collation);
            add("BINARY");
        }
    }
    found
}

fn of_table(table: &Table, texts: &[Vec<Token<'_>>], collations: &[String], writes: bool) -> Wanted {
    let reader = Reader { table };
    let (mut singles, mut lists): (Vec<Term>, Vec<Vec<Term>>) = (Vec::new(), Vec::new());
    let mut add = |term: Term| {
        if !singles.iter().any(|known| known.is(&term)) && !starts_an_index(table, &term) {
            singles.push(term);
        }
    };
    let mut columns = |column: &Column| {
        if is_rowid(table, column) {
            return;
        }
        add(Term::column(column));
        let textual = matches!(column.affinity, Affinity::Text | Affinity::Blob | Affinity::Any);
        for collation in collations.iter().filter(|name| textual && !name.eq_ignore_ascii_case(&column.collation)) {
            add(Term::collated(column, collation));
        }
    };
    for text in texts {
        let mut natural = false;
        for token in text {
            natural |= token.is("natural");
            token.name().and_then(|name| table.column(&name)).into_iter().for_each(&mut columns);
        }
        if natural {
            table.columns.iter().for_each(&mut columns);
        }
    }
    if writes {
        for key in &table.foreign_keys {
            key.columns.iter().filter_map(|name| table.column(name)).for_each(&mut columns);
        }
    }
    for text in texts {
        reader.operands(text).into_iter().for_each(&mut add);
        lists.extend(reader.orders(text));
    }
    let mut known: Vec<Vec<Term>> = Vec::new();
    for list in lists {
        if !known.contains(&list) {
            known.push(list);
        }
    }
    Wanted { table: table.name.to_string(), singles, lists: known }
}

pub(super) fn is_rowid(table: &Table, column: &Column) -> bool {
    table.primary_key.as_ref().is_some_and(|key| {
        key.is_rowid && key.terms.iter().any(|term| crate::schema::is_column(&term.what, &column.name))
    })
}

/// Whether there is an index or a key that starts with it, so that another would be of no more use.
fn starts_an_index(table: &Table, term: &Term) -> bool {
    let Some(column) = term.column.as_deref().and_then(|name| table.column(name)) else { return false };
    let is_it = |first: &crate::schema::IndexedColumn| {
        let same = match first.collation.eq_ignore_ascii_case(&column.collation) {
            true => Term::column(column),
            false => Term::collated(column, &first.collation),
        };
        matches!(&first.what, IndexedExpr::Column(name) if name.eq_ignore_ascii_case(&column.name)) && same.is(term)
    };
    let indexes = table.indexes.iter().filter(|index| index.partial.is_none()).map(|index| &index.terms);
    let keys = table.primary_key.iter().chain(&table.unique).map(|key| &key.terms);
    indexes.chain(keys).any(|terms| terms.first().is_some_and(is_it))
}

/// Words behind which an operand begins, or before which it ends.
const BOUNDS: &[&str] = &[
    "and",
    "or",
    "not",
    "where",
    "on",
    "having",
    "when",
    "case",
    "then",
    "else",
    "end",
    "select",
    "between",
    "in",
    "is",
    "like",
    "glob",
    "match",
    "regexp",
    "set",
    "by",
    "from",
    "escape",
    "using",
    "group",
    "order",
    "limit",
    "offset",
    "union",
    "except",
    "intersect",
    "window",
    "returning",
    "asc",
    "desc",
    "nulls",
    "filter",
    "isnull",
    "notnull",
    "as",
    "distinct",
    "all",
    "having",
    "values",
];

/// Words in front of or behind which an operand of a comparison stands.
const COMPARISONS: &[&str] = &["between", "in", "is", "like", "glob", "isnull", "notnull"];

/// Reads what a statement says of one table.
struct Reader<'a> {
    table: &'a Table,
}

impl Reader<'_> {
    /// The expressions that stand beside a comparison.
    fn operands(&self, text: &[Token<'_>]) -> Vec<Term> {
        let mut found = Vec::new();
        for (at, token) in text.iter().enumerate() {
            let symbol = is_comparison(token);
            if !symbol && !COMPARISONS.iter().any(|word| token.is(word)) {
                continue;
            }
            // `x NOT IN (…)`, `x NOT LIKE y`
            let end = if at > 0 && text[at - 1].is("not") { at - 1 } else { at };
            found.extend(self.term(&text[begin_of_operand(text, end)..end]));
            if symbol {
                found.extend(self.term(&text[at + 1..end_of_operand(text, at + 1)]));
            }
        }
        found
    }

    /// The terms of each ORDER BY, GROUP BY and DISTINCT, as far as they are of this table.
    fn orders(&self, text: &[Token<'_>]) -> Vec<Vec<Term>> {
        let mut found = Vec::new();
        // What a window's partitions are made of comes before its order.
        let mut partition: Vec<Term> = Vec::new();
        for (at, token) in text.iter().enumerate() {
            let by = text.get(at + 1).is_some_and(|next| next.is("by"));
            if by && ["order", "group", "partition"].iter().any(|word| token.is(word)) {
                let mut list = self.list(text, at + 2);
                if token.is("partition") {
                    found.push(list.clone());
                    partition = list;
                    continue;
                }
                found.push(list.clone());
                if token.is("order") && !partition.is_empty() {
                    let mut both = std::mem::take(&mut partition);
                    list.retain(|term| !both.iter().any(|own| own.is(term)));
                    both.extend(list);
                    found.push(both);
                }
            } else if token.is("distinct") {
                found.push(self.list(text, at + 1));
            }
        }
        // An index is read from either end, so that its first term may as well be ascending: unless the rowid, which every
        // index ends with, is wanted in the other direction.
        let mut flipped = found.clone();
        for list in flipped.iter_mut().filter(|list| list.first().is_some_and(|first| first.descending)) {
            list.iter_mut().for_each(|term| term.descending = !term.descending);
        }
        flipped.extend(found);
        flipped
    }

    fn list(&self, text: &[Token<'_>], start: usize) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for part in list_parts(text, start) {
            let mut part = part;
            if let Some(at) = part.iter().position(|token| token.is("nulls")) {
                part = &part[..at];
            }
            let descending = part.last().is_some_and(|last| last.is("desc"));
            if part.last().is_some_and(|last| last.is("desc") || last.is("asc")) {
                part = &part[..part.len() - 1];
            }
            let part = selected(text, start, part).unwrap_or(part);
            let column = self.plain_column(part).filter(|column| !is_rowid(self.table, column)).map(Term::column);
            match column.or_else(|| self.collated(part)).or_else(|| self.term(part)) {
                Some(term) if !terms.iter().any(|own| own.is(&term)) => terms.push(Term { descending, ..term }),
                Some(_) => {}
                None => break,
            }
        }
        terms
    }

    /// `x`, `t.x`.
    fn plain_column(&self, part: &[Token<'_>]) -> Option<&Column> {
        let name = match part {
            [name] => name,
            [_, dot, name] if dot.is_symbol(".") => name,
            [_, dot, _, second, name] if dot.is_symbol(".") && second.is_symbol(".") => name,
            _ => return None,
        };
        self.table.column(&name.name()?)
    }

    /// `x COLLATE y`.
    fn collated(&self, part: &[Token<'_>]) -> Option<Term> {
        let at = part.iter().position(|token| token.is("collate"))?;
        let (column, collation) = (self.plain_column(&part[..at])?, part.get(at + 1)?.name()?);
        let own = collation.eq_ignore_ascii_case(&column.collation) || part.len() != at + 2;
        Some(if own { Term::column(column) } else { Term::collated(column, &collation) })
    }

    /// An expression over columns of this table, as an index has it: without the table's name. Columns alone are none.
    fn term(&self, part: &[Token<'_>]) -> Option<Term> {
        if part.len() < 3 || self.plain_column(part).is_some() || self.collated(part).is_some() {
            return None;
        }
        let mut sql = String::new();
        let mut end = part[0].start;
        let mut of_table = false;
        for (at, token) in part.iter().enumerate() {
            let next = part.get(at + 1);
            let qualifies = next.is_some_and(|next| next.is_symbol("."));
            if token.kind == TokenKind::Variable || token.is("select") {
                return None;
            }
            of_table |= !qualifies
                && matches!(token.kind, TokenKind::Word | TokenKind::Quoted)
                && !next.is_some_and(|next| next.is_symbol("("))
                && token.name().is_some_and(|name| self.table.column(&name).is_some());
            if end < token.start && !sql.is_empty() && !sql.ends_with('(') {
                sql.push(' ');
            }
            end = token.end();
            if !qualifies && !token.is_symbol(".") {
                sql.push_str(token.text);
            }
        }
        of_table.then_some(Term { sql, column: None, descending: false })
    }
}

fn is_comparison(token: &Token<'_>) -> bool {
    ["=", "==", "<", ">", "<=", ">=", "<>", "!="].iter().any(|symbol| token.is_symbol(symbol))
}

fn is_bound(token: &Token<'_>) -> bool {
    is_comparison(token) || [",", ";"].iter().any(|s| token.is_symbol(s)) || BOUNDS.iter().any(|word| token.is(word))
}

fn begin_of_operand(text: &[Token<'_>], end: usize) -> usize {
    let mut depth = 0_usize;
    for at in (0..end).rev() {
        let token = &text[at];
        if token.is_symbol(")") {
            depth += 1;
        } else if token.is_symbol("(") {
            if depth == 0 {
                return at + 1;
            }
            depth -= 1;
        } else if depth == 0 && is_bound(token) {
            return at + 1;
        }
    }
    0
}

fn end_of_operand(text: &[Token<'_>], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in text.iter().enumerate().skip(start) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            if depth == 0 {
                return at;
            }
            depth -= 1;
        } else if depth == 0 && is_bound(token) {
            return at;
        }
    }
    text.len()
}

/// What stands between the commas of a list that begins at `start`.
fn list_parts<'t, 'a>(text: &'t [Token<'a>], start: usize) -> Vec<&'t [Token<'a>]> {
    const ENDS: &[&str] = &[
        "limit",
        "having",
        "order",
        "group",
        "window",
        "union",
        "except",
        "intersect",
        "returning",
        "rows",
        "range",
        "groups",
        "from",
        "where",
    ];
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0_usize, start);
    let mut end = text.len();
    for (at, token) in text.iter().enumerate().skip(start) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            if depth == 0 {
                end = at;
                break;
            }
            depth -= 1;
        } else if depth == 0 && token.is_symbol(",") {
            parts.push(&text[begin..at]);
            begin = at + 1;
        } else if depth == 0 && (token.is_symbol(";") || ENDS.iter().any(|word| token.is(word))) {
            end = at;
            break;
        }
    }
    parts.push(&text[begin.min(end)..end]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// What the SELECT in front calls by this number or name.
fn selected<'t, 'a>(text: &'t [Token<'a>], before: usize, part: &[Token<'a>]) -> Option<&'t [Token<'a>]> {
    let [wanted] = part else { return None };
    let mut depth = 0_usize;
    let select = (0..before).rev().find(|&at| {
        if text[at].is_symbol(")") {
            depth += 1;
        } else if text[at].is_symbol("(") {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && text[at].is("select")
    })?;
    let skip = usize::from(text.get(select + 1).is_some_and(|next| next.is("distinct") || next.is("all")));
    let columns = list_parts(text, select + 1 + skip);
    let bare = |part: &'t [Token<'a>]| match part {
        [rest @ .., word, _] if word.is("as") => rest,
        _ => part,
    };
    if wanted.kind == TokenKind::Number {
        let number: usize = wanted.text.parse().ok()?;
        return columns.get(number.checked_sub(1)?).map(|part| bare(part));
    }
    let name = wanted.name()?;
    let called = |part: &&&'t [Token<'a>]| match part {
        [.., word, alias] if word.is("as") => alias.name().is_some_and(|alias| alias.eq_ignore_ascii_case(&name)),
        _ => false,
    };
    columns.iter().find(called).map(|part| bare(part))
}
