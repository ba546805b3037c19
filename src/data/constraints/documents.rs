//! JSON documents. A member that an expression reads is treated as a column, and what is known of that column becomes part
//! of the domain of the document. So documents are generated with members that fit.

use rusqlite::types::Value;

use crate::data::constraints::branches;
use crate::data::constraints::condition::Branch;
use crate::data::constraints::expression::Expression;
use crate::data::values::domain::{Domain, Member, Nullability, Shape};

#[cfg(test)]
mod tests;

/// A member that is read: its document and its path.
type Read = (usize, Vec<String>);

/// Returns the ways in which an expression about `columns` columns is `wanted`, with what it reads out of documents.
pub(crate) fn branches(expression: &Expression, wanted: bool, columns: usize) -> Vec<Branch> {
    let mut reads = Vec::new();
    let expression = with_columns_for_members(expression, columns, &mut reads);
    let mut found = branches::branches(&expression, wanted);
    if !reads.is_empty() {
        found = found.iter().filter_map(|branch| of_documents(branch, columns, &reads)).collect();
    }
    found
}

/// Returns a branch in which documents have the members that `expression` reads.
pub(crate) fn with_members(
    expression: &Expression,
    columns: usize,
    nullability: Nullability,
    declared_type: &str,
) -> Option<Branch> {
    let mut reads = Vec::new();
    let read = with_columns_for_members(expression, columns, &mut reads);
    // The type is that of the whole expression.
    let declared_type = if matches!(read, Expression::Column(_)) { declared_type } else { "" };
    reads.into_iter().try_fold(Branch::default(), |all, (document, path)| {
        let member = Member { path, declared_type: declared_type.to_owned(), domain: Domain::of_null(nullability) };
        all.and(&Branch { domains: vec![(document, document_with(member))], ..Branch::default() })
    })
}

/// Replaces the members that an expression reads by columns. Their indexes begin at `columns`.
fn with_columns_for_members(expression: &Expression, columns: usize, reads: &mut Vec<Read>) -> Expression {
    let mut column_of = |read: Read| {
        let at = reads.iter().position(|other| *other == read).unwrap_or_else(|| {
            reads.push(read);
            reads.len() - 1
        });
        Expression::Column(columns + at)
    };
    expression.replaced(&mut |one| {
        if let Some(read) = member(one) {
            return Some(column_of(read));
        }
        // `json_type(document, path)` is `json_type(member)`.
        match one {
            Expression::Call(name, arguments) if name == "json_type" || name == "json_array_length" => {
                let [document, Expression::Value(Value::Text(path))] = &arguments[..] else { return None };
                let read = inside(document, keys(path)?)?;
                Some(Expression::Call(name.clone(), vec![column_of(read)]))
            }
            _ => None,
        }
    })
}

/// Returns the member that an expression reads.
fn member(expression: &Expression) -> Option<Read> {
    let Expression::Call(name, arguments) = expression else { return None };
    let [document, Expression::Value(Value::Text(path))] = &arguments[..] else { return None };
    match name.as_str() {
        "json_extract" => inside(document, keys(path)?),
        // The operators take plain keys as well as paths.
        "->" | "->>" if !path.starts_with('$') => inside(document, vec![path.clone()]),
        "->" | "->>" => inside(document, keys(path)?),
        _ => None,
    }
}

/// Returns the member at a path in a document, which may be a member itself.
fn inside(document: &Expression, mut path: Vec<String>) -> Option<Read> {
    match document {
        Expression::Column(column) => Some((*column, path)),
        Expression::Call(name, arguments) if name == "json" || name == "jsonb" => inside(arguments.first()?, path),
        outer => {
            let (document, mut keys) = member(outer)?;
            keys.append(&mut path);
            Some((document, keys))
        }
    }
}

/// Returns the keys of a path like `$.address."zip code"`. `None` if the path goes through an array.
fn keys(path: &str) -> Option<Vec<String>> {
    let mut rest = path.strip_prefix('$')?;
    let mut keys = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix('.')?;
        let (key, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        keys.push(key.to_owned());
        rest = behind;
    }
    (!keys.is_empty() && keys.iter().all(|key| !key.is_empty())).then_some(keys)
}

/// Turns a branch about members into one about their documents. `None` if a document cannot have all of them.
fn of_documents(branch: &Branch, columns: usize, reads: &[Read]) -> Option<Branch> {
    let is_column = |column: usize| column < columns;
    let mut plain = Branch {
        domains: branch.domains.iter().filter(|(column, _)| is_column(*column)).cloned().collect(),
        is_opaque: branch.is_opaque,
        ..Branch::default()
    };
    for relation in &branch.relations {
        match is_column(relation.left) && is_column(relation.right) {
            true => plain.relations.push(*relation),
            // Relations of members are left to SQLite.
            false => plain.is_opaque = true,
        }
    }
    for (at, (document, path)) in reads.iter().enumerate() {
        let domain_of = |wanted: usize| branch.domains.iter().find(|(column, _)| *column == wanted);
        let said = domain_of(columns + at);
        if said.is_none() && domain_of(*document).is_some_and(|(_, domain)| domain.nullability == Nullability::Required)
        {
            continue;
        }
        let domain = said.map_or_else(Domain::default, |(_, domain)| domain.clone());
        let member = Member { path: path.clone(), declared_type: String::new(), domain };
        plain = plain.and(&Branch { domains: vec![(*document, document_with(member))], ..Branch::default() })?;
    }
    Some(plain)
}

/// Returns the domain of documents that have this member.
fn document_with(member: Member) -> Domain {
    // Nothing is read out of NULL.
    let nullability = match member.domain.nullability {
        Nullability::Forbidden => Nullability::Forbidden,
        Nullability::Allowed | Nullability::Required => Nullability::Allowed,
    };
    Domain { nullability, ..Domain::of_shape(Shape::Document(vec![member])) }
}
