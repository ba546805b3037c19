//! Finds the comparisons of statements with constants and parameters, in their words.
//!
//! There is no parser. A comparison that is misread makes rows that are less typical, and nothing else.

use crate::schema::Table;
use crate::sql::{Cursor, Name, Token, TokenKind, between_commas, end_of, same_name, start_of, tokens};

/// A comparison of an operand with a constant, a parameter or NULL, or an assignment of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Comparison {
    /// The operand as SQL, without the names of tables.
    pub(in crate::plan) operand: String,
    /// The column, if the operand is one.
    pub(in crate::plan) column: Option<Name>,
    pub(in crate::plan) relation: Relation,
    pub(in crate::plan) other: Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Relation {
    Equal,
    /// `<>`, `IS NOT NULL`, `NOT IN`.
    Different,
    /// `>`, `>=`, and the first value of BETWEEN.
    Above,
    /// `<`, `<=`, and the second value of BETWEEN.
    Below,
    /// LIKE, GLOB.
    Pattern,
    /// SET, or a value of an INSERT.
    Assigned,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Other {
    Null,
    /// As SQL.
    Literal(String),
    /// A parameter, by its number.
    Parameter(usize),
}

/// The comparisons of a text of SQL.
#[derive(Clone, Debug, Default)]
pub(in crate::plan) struct Comparisons {
    pub(in crate::plan) all: Vec<Comparison>,
    /// The parameters behind LIMIT and OFFSET.
    pub(super) limits: Vec<usize>,
    /// The keys of JSON documents, with the column that holds the document: `$.a` of `data ->> '$.a'`.
    pub(super) json: Vec<(Name, String)>,
}

impl Comparison {
    /// Returns true for a comparison with 0, 1, NULL, TRUE or FALSE, as those of columns that have no other values.
    pub(in crate::plan) fn is_with_a_flag(&self) -> bool {
        self.relation == Relation::Equal
            && match &self.other {
                Other::Null => true,
                Other::Literal(text) => ["0", "1", "TRUE", "FALSE"].iter().any(|flag| same_name(text, flag)),
                Other::Parameter(_) => false,
            }
    }
}

impl Comparisons {
    pub(in crate::plan) fn of(sql: &str) -> Comparisons {
        let tokens = tokens(sql);
        let mut reader = Reader {
            parameters: numbered(&tokens),
            tokens: &tokens,
            assigned: Vec::new(),
            found: Comparisons::default(),
        };
        reader.read_assignments();
        reader.read_comparisons();
        reader.read_the_rest();
        reader.found
    }

    /// Returns the comparisons of a column. Columns of one name in several tables are not told apart.
    pub(in crate::plan) fn of_column<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Comparison> {
        self.all.iter().filter(move |one| one.column.as_ref().is_some_and(|column| column == name))
    }

    pub(in crate::plan) fn extend(&mut self, other: Comparisons) {
        self.all.extend(other.all);
        self.json.extend(other.json);
    }
}

/// Returns the comparisons of a table's CHECKs that name this column and no other.
pub(super) fn of_checks(table: &Table, column: &str) -> Vec<Comparison> {
    let checks = table.checks.iter().filter(|check| {
        let names: Vec<String> = tokens(&check.expression).iter().filter_map(Token::name).collect();
        let of_table = |name: &&String| table.column(name).is_some();
        names.iter().any(|name| same_name(name, column))
            && names.iter().filter(of_table).all(|name| same_name(name, column))
    });
    checks.flat_map(|check| Comparisons::of(&check.expression).all).filter(|one| one.column.is_some()).collect()
}

/// Returns the number of the parameter of each token, as SQLite numbers them.
fn numbered<'a>(tokens: &[Token<'a>]) -> Vec<Option<usize>> {
    let mut names: Vec<&'a str> = Vec::new();
    let mut highest = 0;
    let mut number = |token: &Token<'a>| {
        if token.kind != TokenKind::Variable {
            return None;
        }
        let number = match token.text.strip_prefix('?') {
            Some("") => highest + 1,
            Some(digits) => digits.parse().ok()?,
            None => match names.iter().position(|name| *name == token.text) {
                Some(at) => return Some(at),
                None => highest + 1,
            },
        };
        names.resize(names.len().max(number + 1), "");
        names[number] = token.text;
        highest = highest.max(number);
        Some(number)
    };
    tokens.iter().map(&mut number).collect()
}

/// Words at which an operand begins or ends.
const BOUNDS: &str = "and or not where on having when case then else end select between in is like glob match regexp set by \
     from escape using group order limit offset union except intersect window returning asc desc nulls filter isnull notnull \
     as distinct all values";

fn is_bound(token: &Token<'_>) -> bool {
    ["=", "==", "<", ">", "<=", ">=", "<>", "!=", ",", ";"].iter().any(|symbol| token.is_symbol(symbol))
        || BOUNDS.split(' ').any(|word| token.is(word))
}

struct Reader<'t, 'a> {
    tokens: &'t [Token<'a>],
    parameters: Vec<Option<usize>>,
    /// The positions of the `=` that assign.
    assigned: Vec<usize>,
    found: Comparisons,
}

impl Reader<'_, '_> {
    /// Reads `SET x = ?` and `INSERT INTO t(x) VALUES (?)`.
    fn read_assignments(&mut self) {
        for (at, token) in self.tokens.iter().enumerate() {
            if token.is("set") {
                let end = end_of(self.tokens, at + 1, |token| {
                    ["where", "from", "returning", "order", "limit"].iter().any(|word| token.is(word))
                });
                let mut start = at + 1;
                for part in between_commas(&self.tokens[at + 1..end]) {
                    if let [name, equal, ..] = part
                        && equal.is_symbol("=")
                    {
                        self.assigned.push(start + 1);
                        self.add(&[*name], Relation::Assigned, start + 2..start + part.len());
                    }
                    start += part.len() + 1;
                }
            } else if token.is("into") {
                self.read_inserted(at + 1);
            }
        }
    }

    fn read_inserted(&mut self, at: usize) {
        let mut cursor = Cursor::new(self.tokens);
        cursor.seek(at);
        cursor.object_name();
        let Some(columns) = cursor.group() else { return };
        let names = between_commas(&self.tokens[columns]);
        if !cursor.take("values") {
            return;
        }
        while let Some(values) = cursor.group() {
            let mut start = values.start;
            for (name, value) in names.iter().zip(between_commas(&self.tokens[values.clone()])) {
                self.add(name, Relation::Assigned, start..start + value.len());
                start += value.len() + 1;
            }
            cursor.take_symbol(",");
        }
    }

    fn read_comparisons(&mut self) {
        for at in 0..self.tokens.len() {
            let token = &self.tokens[at];
            let is_negated = at > 0 && self.tokens[at - 1].is("not");
            let left = at - usize::from(is_negated);
            let different = |relation| if is_negated { Relation::Different } else { relation };
            let right = |start: usize| start..end_of(self.tokens, start, is_bound);
            let is_symbol = |symbols: &[&str]| symbols.iter().any(|symbol| token.is_symbol(symbol));
            if self.assigned.contains(&at) {
                continue;
            } else if is_symbol(&["=", "=="]) {
                self.compare(left, Relation::Equal, right(at + 1));
            } else if is_symbol(&["<>", "!="]) {
                self.compare(left, Relation::Different, right(at + 1));
            } else if is_symbol(&[">", ">="]) {
                self.compare(left, Relation::Above, right(at + 1));
            } else if is_symbol(&["<", "<="]) {
                self.compare(left, Relation::Below, right(at + 1));
            } else if token.is("is") {
                let is_not = self.tokens.get(at + 1).is_some_and(|next| next.is("not"));
                let relation = if is_not { Relation::Different } else { Relation::Equal };
                self.compare(left, relation, right(at + 1 + usize::from(is_not)));
            } else if token.is("isnull") || token.is("notnull") {
                let relation = if token.is("isnull") && !is_negated { Relation::Equal } else { Relation::Different };
                let (operand, column) = self.operand(start_of(self.tokens, left, is_bound)..left);
                self.found.all.push(Comparison { operand, column, relation, other: Other::Null });
            } else if token.is("like") || token.is("glob") {
                self.compare(left, different(Relation::Pattern), right(at + 1));
            } else if token.is("between") && !is_negated {
                let first = right(at + 1);
                let second = right(first.end + 1);
                self.compare(left, Relation::Above, first);
                self.compare(left, Relation::Below, second);
            } else if token.is("in") {
                self.compare_with_list(left, at + 1, different(Relation::Equal));
            }
        }
    }

    fn compare_with_list(&mut self, left: usize, open: usize, relation: Relation) {
        let mut cursor = Cursor::new(self.tokens);
        cursor.seek(open);
        let Some(inside) = cursor.group() else { return };
        let mut start = inside.start;
        for part in between_commas(&self.tokens[inside]) {
            self.compare(left, relation, start..start + part.len());
            start += part.len() + 1;
        }
    }

    /// Adds the comparison of what ends at `left` with what is at `right`, whichever of them is the constant.
    fn compare(&mut self, left: usize, relation: Relation, right: std::ops::Range<usize>) {
        let start = start_of(self.tokens, left, is_bound);
        if self.constant(right.clone()).is_some() {
            let operand = &self.tokens[start..left];
            self.add(operand, relation, right);
        } else if self.constant(start..left).is_some() {
            let mirrored = match relation {
                Relation::Above => Relation::Below,
                Relation::Below => Relation::Above,
                other => other,
            };
            let operand = &self.tokens[right];
            self.add(operand, mirrored, start..left);
        }
    }

    fn add(&mut self, operand: &[Token<'_>], relation: Relation, constant: std::ops::Range<usize>) {
        let Some(other) = self.constant(constant) else { return };
        let (operand, column) = without_tables(operand);
        if !operand.is_empty() {
            self.found.all.push(Comparison { operand, column, relation, other });
        }
    }

    fn operand(&self, range: std::ops::Range<usize>) -> (String, Option<Name>) {
        without_tables(&self.tokens[range])
    }

    fn constant(&self, mut range: std::ops::Range<usize>) -> Option<Other> {
        while range.len() > 2 && self.tokens[range.start].is_symbol("(") && self.tokens[range.end - 1].is_symbol(")") {
            range = range.start + 1..range.end - 1;
        }
        match &self.tokens[range.clone()] {
            [only] if only.is("null") => Some(Other::Null),
            [only] if only.kind == TokenKind::Variable => self.parameters[range.start].map(Other::Parameter),
            [only] if is_literal(only) || only.is("true") || only.is("false") => {
                Some(Other::Literal(only.text.to_owned()))
            }
            [sign, number] if sign.is_symbol("-") && number.kind == TokenKind::Number => {
                Some(Other::Literal(format!("-{}", number.text)))
            }
            _ => None,
        }
    }

    /// Reads LIMIT, OFFSET and the keys of JSON documents.
    fn read_the_rest(&mut self) {
        for (at, pair) in self.tokens.windows(2).enumerate() {
            if pair[0].is("limit") || pair[0].is("offset") {
                self.found.limits.extend(self.parameters[at + 1]);
            } else if (pair[0].is_symbol("->") || pair[0].is_symbol("->>")) && pair[1].kind == TokenKind::Text && at > 0
            {
                self.add_json(at - 1, at + 1);
            } else if pair[0].is("json_extract") && self.tokens.len() > at + 4 {
                let end = end_of(self.tokens, at + 2, |token| token.is_symbol(","));
                self.add_json(end - 1, (end + 1).min(self.tokens.len() - 1));
            }
        }
    }

    fn add_json(&mut self, column: usize, path: usize) {
        let (column, path) = (&self.tokens[column], &self.tokens[path]);
        if let (Some(column), TokenKind::Text, Some(path)) = (column.name(), path.kind, path.name()) {
            self.found.json.push((column.into(), path));
        }
    }
}

fn is_literal(token: &Token<'_>) -> bool {
    matches!(token.kind, TokenKind::Text | TokenKind::Number | TokenKind::Blob)
}

/// Returns an operand as SQL without the names of tables, and the column if it is one.
fn without_tables(operand: &[Token<'_>]) -> (String, Option<Name>) {
    let mut kept: Vec<&Token<'_>> = Vec::new();
    for (at, token) in operand.iter().enumerate() {
        let is_qualifier = operand.get(at + 1).is_some_and(|next| next.is_symbol("."));
        if !is_qualifier && !token.is_symbol(".") {
            kept.push(token);
        }
    }
    let column = match kept.as_slice() {
        [only] | [only, ..] if kept.len() == 1 || kept[1].is("collate") => only.name().map(Name::from),
        _ => None,
    };
    let words: Vec<&str> = kept.iter().map(|token| token.text).collect();
    (words.join(" "), column.filter(|_| kept[0].kind != TokenKind::Text))
}
