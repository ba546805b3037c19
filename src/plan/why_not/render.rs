//! Writes down why an index is not used.

use std::fmt;

use super::reason::{Obstacle, PatternProblem, Remedy, WhyNot};
use crate::report::{Raw, printable};
use crate::sql::on_one_line;

printable!(
    /// Writes one line, such as `users_num is not used: num is TEXT and k.n is INTEGER, ..; tried: CAST(k.n AS TEXT) in place
    /// of k.n`. The alternate form has no CREATE INDEX, for reports that offer indexes elsewhere.
    WhyNot
);

impl Raw for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = &self.index;
        if self.is_used {
            return write!(f, "{index} is used");
        }
        if self.reasons.is_empty() {
            return write!(f, "{index} is not used, and no single reason was found");
        }
        let obstacles: Vec<String> = self.reasons.iter().map(|reason| reason.obstacle.to_string()).collect();
        write!(f, "{index} is not used: {}", obstacles.join("; and "))?;
        let is_shown = |remedy: &&Remedy| !f.alternate() || !matches!(remedy, Remedy::Index(_));
        let remedies = self.reasons.iter().filter_map(|reason| reason.remedy.as_ref()).filter(is_shown);
        let remedies: Vec<String> = remedies.map(ToString::to_string).collect();
        if remedies.is_empty() { Ok(()) } else { write!(f, "; tried: {}", remedies.join(", and ")) }
    }
}

printable!(Remedy);

impl Raw for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remedy::Write { old, new } if new.is_empty() => write!(f, "without {old}"),
            Remedy::Write { old, new } => write!(f, "{new} in place of {old}"),
            Remedy::Condition(condition) => write!(f, "with {} in the WHERE", on_one_line(condition)),
            Remedy::Index(sql) => f.write_str(sql),
        }
    }
}

printable!(Obstacle);

impl Raw for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Affinity { column, declared, other, other_declared } => {
                let kind = |declared: &str| match declared {
                    "" => "has no type".to_owned(),
                    declared => format!("is {declared}"),
                };
                let other_kind = other_declared.as_deref().map_or_else(|| "is not".to_owned(), kind);
                let declared = kind(declared);
                write!(
                    f,
                    "{column} {declared} and {other} {other_kind}, so they are not compared in the order of the index"
                )
            }
            Obstacle::Collation { column, index, statement } => {
                write!(f, "the statement compares {column} in the collation {statement}, the index is in {index}")
            }
            Obstacle::Case { column, needed } if needed.eq_ignore_ascii_case("NOCASE") => {
                write!(f, "LIKE ignores case, the index on {column} does not")
            }
            Obstacle::Case { column, .. } => write!(f, "the pattern respects case, the index on {column} does not"),
            Obstacle::Expression { indexed, expression, is_same_value } => {
                let (expression, indexed) = (on_one_line(expression), on_one_line(indexed));
                write!(f, "the statement has {expression}, the index has {indexed}")?;
                match is_same_value {
                    true => f.write_str(": written differently, and SQLite needs the same expression"),
                    false => Ok(()),
                }
            }
            Obstacle::UnaryPlus { column } => write!(f, "the + in front of {column} hides it from indexes"),
            Obstacle::Operator { operator, column } => {
                write!(f, "{operator} leaves out values of {column} and names none to search for")
            }
            Obstacle::Truth { column } => write!(f, "{column} is a condition by itself and compared with nothing"),
            Obstacle::SameRow { column, other } => {
                write!(f, "{column} is compared with a value of the same row: {}", on_one_line(other))
            }
            Obstacle::ReadLater { column, other } => {
                write!(f, "{column} is compared with what is read after it: {}", on_one_line(other))
            }
            Obstacle::Pattern { condition, problem } => {
                let problem = match problem {
                    PatternProblem::Unknown => "the pattern is not known while SQLite plans",
                    PatternProblem::Wildcard => "the pattern begins with a wildcard",
                    PatternProblem::Escape => "ESCAPE keeps SQLite from reading the pattern",
                };
                write!(f, "{problem}: {}", on_one_line(condition))
            }
            Obstacle::Or { side } => {
                write!(f, "no index finds the rows of the other side of the OR: {}", on_one_line(side))
            }
            Obstacle::Partial { predicate } => {
                write!(f, "it has only the rows WHERE {}, and the statement does not say so", on_one_line(predicate))
            }
            Obstacle::PartialParameter { predicate, condition } => write!(
                f,
                "it has only the rows WHERE {}, and the value in {} is not known while SQLite plans",
                on_one_line(predicate),
                on_one_line(condition)
            ),
            Obstacle::FirstColumn { column, compared: Some(compared) } => {
                write!(f, "the statement says nothing about its first column, {column}, only about {compared}")
            }
            Obstacle::FirstColumn { column, compared: None } => {
                write!(f, "the statement says nothing about its first column, {column}")
            }
            Obstacle::Order { statement, index } => {
                write!(f, "the statement sorts by {}, the index by {index}", on_one_line(statement))
            }
            Obstacle::Nulls { order } => write!(f, "{order} is not the order of an index"),
            Obstacle::NotIndexed => f.write_str("the statement says NOT INDEXED"),
            Obstacle::IndexedBy(other) => write!(f, "the statement says INDEXED BY {other}"),
            Obstacle::Statistics => f.write_str("the statistics of ANALYZE speak against it"),
            Obstacle::Preferred(line) => write!(f, "SQLite could use it, and prefers {line}"),
        }
    }
}
