//! JSON documents. What an expression reads out of one is treated as a column of its own; what is left of that column is a
//! part of the document's domain, so that documents are made of members that fit.

use crate::data::constraints::domain::{Domain, Nullability, Shape};
use crate::data::constraints::expression::Expression;
use crate::data::constraints::solve::{self, Branch};
use rusqlite::types::Value;

/// A member of a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    /// The keys that lead to it, from the outside in.
    pub(crate) path: Vec<String>,
    /// The type of the generated column that holds it; empty if there is none.
    pub(crate) declared_type: String,
    pub(crate) domain: Domain,
}

/// What is read, by its document and its path.
type Read = (usize, Vec<String>);

impl Member {
    /// A document's domain that has this member.
    fn alone(self) -> Domain {
        // Nothing is read out of NULL.
        let nullability = if self.domain.nullability == Nullability::Forbidden {
            Nullability::Forbidden
        } else {
            Nullability::Allowed
        };
        Domain { nullability, ..Domain::of_shape(Shape::Document(vec![self])) }
    }

    /// Narrows members to those of `others` too. Whether anything can be left.
    pub(crate) fn narrow(own: &mut Vec<Member>, others: &[Member]) -> bool {
        others.iter().all(|other| match own.iter_mut().find(|member| member.path == other.path) {
            Some(member) => {
                if member.declared_type.is_empty() {
                    member.declared_type.clone_from(&other.declared_type);
                }
                member.domain.narrow(&other.domain)
            }
            None => {
                own.push(other.clone());
                true
            }
        })
    }
}

/// The ways in which an expression about `columns` columns is `wanted`, also by what stands in documents.
pub(crate) fn branches(expression: &Expression, wanted: bool, columns: usize) -> Vec<Branch> {
    let mut reads = Vec::new();
    let expression = with_columns_for_members(expression, columns, &mut reads);
    let mut found = solve::branches(&expression, wanted);
    if !reads.is_empty() {
        found = found.iter().filter_map(|branch| of_documents(branch, columns, &reads)).collect();
    }
    found
}

/// One way to give documents what `expression` reads out of them.
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
        all.and(&Branch { domains: vec![(document, member.alone())], ..Branch::default() })
    })
}

/// The expression with columns behind the last in place of what it reads out of documents.
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
        // `json_type(document, path)` is about the member as it stands there.
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

/// What of which document an expression is.
fn member(expression: &Expression) -> Option<Read> {
    let Expression::Call(name, arguments) = expression else { return None };
    let [document, Expression::Value(Value::Text(path))] = &arguments[..] else { return None };
    match name.as_str() {
        "json_extract" => inside(document, keys(path)?),
        // Beside paths, the operators take a key as it is.
        "->" | "->>" if !path.starts_with('$') => inside(document, vec![path.clone()]),
        "->" | "->>" => inside(document, keys(path)?),
        _ => None,
    }
}

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

/// The keys of a path like `$.address."zip code"`. None for one that goes through an array.
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

/// A branch about members as one about their documents. None if a document cannot have all of them.
fn of_documents(branch: &Branch, columns: usize, reads: &[Read]) -> Option<Branch> {
    let is_column = |column: usize| column < columns;
    let mut plain = Branch {
        domains: branch.domains.iter().filter(|(column, _)| is_column(*column)).cloned().collect(),
        opaque: branch.opaque,
        ..Branch::default()
    };
    for relation in &branch.relations {
        match is_column(relation.left) && is_column(relation.right) {
            true => plain.relations.push(*relation),
            // Two members, or a member and a column: SQLite has to say.
            false => plain.opaque = true,
        }
    }
    for (at, (document, path)) in reads.iter().enumerate() {
        let said = branch.domains.iter().find(|(column, _)| *column == columns + at);
        let domain = said.map_or_else(Domain::default, |(_, domain)| domain.clone());
        let member = Member { path: path.clone(), declared_type: String::new(), domain };
        plain = plain.and(&Branch { domains: vec![(*document, member.alone())], ..Branch::default() })?;
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::{branches, keys};
    use crate::data::constraints::domain::Shape;
    use crate::data::constraints::expression::Expression;

    #[test]
    fn paths_are_read_as_far_as_they_are_keys() {
        assert_eq!(keys("$.a").unwrap(), ["a"]);
        assert_eq!(keys("$.a.\"b c\".d").unwrap(), ["a", "b c", "d"]);
        for other in ["$", "a", "$.a[0]", "$[0]", "$.", "$.a..b", "$.\"a"] {
            assert_eq!(keys(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_said_of_members_is_said_of_their_document() {
        let names = ["body".to_owned(), "n".to_owned()];
        let text =
            "json_extract(body, '$.a.b') IN ('x', 'y') AND body ->> 'c' > 3 AND body -> 'a' ->> 'b' <> 'x' AND n = 1";
        let found = branches(&Expression::parse(text, &names), true, names.len());
        let [branch] = &found[..] else { panic!("{found:?}") };
        assert_eq!(branch.domains.iter().map(|(column, _)| *column).collect::<Vec<_>>(), [1, 0]);
        let Some(Shape::Document(members)) = &branch.domains[1].1.shape else { panic!("{branch:?}") };
        let paths: Vec<String> = members.iter().map(|member| member.path.join("/")).collect();
        assert_eq!(paths, ["a/b", "c"]);
        assert_eq!(members[0].domain.choices.as_deref(), Some(&["y".to_owned().into()][..]));
        assert!(members[1].domain.low.is_some());
    }
}
