//! Sources of the values of one column.

use std::fmt::Write as _;

use crate::data::values::pattern::{self, PatternPart};
use crate::data::values::realistic::Generator;
use crate::data::values::texts::{self, LETTERS_AND_DIGITS, Letters, Times};
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::{self, Draw};

/// A way to generate values. A value follows from the draw and the number alone; generating one changes nothing here.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Null,
    /// One of these.
    Choices(Vec<ValueBuf>),
    /// `low + n * step` for n below `count`, or for n below `max_distinct` where values must differ.
    Integer {
        low: i64,
        step: i64,
        count: u64,
        max_distinct: u64,
    },
    /// `low + n * step` for n below `count`, or for n below `max_distinct` where values must differ.
    Real {
        low: f64,
        step: f64,
        count: u64,
        max_distinct: u64,
    },
    Words {
        min_length: u64,
        max_length: u64,
    },
    Letters(Letters),
    Pattern {
        parts: Vec<PatternPart>,
        min_length: u64,
    },
    Time(Times),
    /// JSON of a type as `json_type` names it, or an object.
    Json(Option<String>),
    /// A JSON array of this length.
    List(u64),
    Document(Document),
    Uuid,
    Blob {
        min_length: u64,
        max_length: u64,
    },
    Realistic(Generator),
}

/// A JSON document whose members have sources.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Object(Vec<(String, Document)>),
    Value(Box<Source>),
}

/// A capacity that is enough for any table.
pub(crate) const UNBOUNDED: u64 = 1 << 31;

impl Source {
    /// Generates a value. Where values must differ, `number` is below the capacity and differs from row to row.
    pub(crate) fn make(&self, draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
        match self {
            Source::Null => out.set_null(),
            Source::Choices(choices) => {
                let at = number.unwrap_or_else(|| draw.below(choices.len() as u64));
                out.clone_from(&choices[at as usize]);
            }
            Source::Integer { low, step, count, .. } => {
                let at = number.unwrap_or_else(|| draw.below(*count));
                out.set_integer(low.wrapping_add(step.wrapping_mul(at.cast_signed())));
            }
            Source::Real { low, step, count, .. } => {
                let at = number.unwrap_or_else(|| draw.below(*count));
                out.set_real(low + step * at as f64);
            }
            Source::Words { min_length, max_length } => texts::words(draw, *min_length, *max_length, number, out),
            Source::Letters(letters) => letters.write(draw, number, out),
            Source::Pattern { parts, min_length } => pattern::write(draw, parts, *min_length, number, out),
            Source::Time(times) => times.write(draw, number, out),
            Source::Json(kind) => texts::write_json(draw, kind.as_deref(), number, out),
            Source::List(items) => texts::write_list(draw, *items, number, out),
            Source::Document(document) => {
                out.start_text();
                document.write(draw, number, out);
            }
            Source::Uuid => uuid(draw, number, out),
            Source::Blob { min_length, max_length } => blob(draw, *min_length, *max_length, number, out),
            Source::Realistic(generator) => generator.make(draw, number, out),
        }
    }

    /// Returns the number of different values that numbers make.
    pub(crate) fn capacity(&self) -> u64 {
        match self {
            Source::Null | Source::List(0) => 1,
            Source::Choices(choices) => choices.len() as u64,
            Source::Integer { max_distinct, .. } | Source::Real { max_distinct, .. } => *max_distinct,
            Source::Words { min_length, max_length } if *max_length < MIN_NUMBERED_WORDS => {
                short_words(*min_length, *max_length).capacity()
            }
            Source::Words { .. } | Source::Uuid | Source::List(_) => u64::MAX,
            Source::Letters(letters) => letters.capacity(),
            Source::Pattern { parts, .. } => pattern::capacity(parts),
            Source::Time(times) => times.capacity(),
            Source::Json(Some(kind)) if matches!(&kind[..], "true" | "false" | "null") => 1,
            Source::Json(_) => u64::MAX,
            Source::Document(document) => document.capacity(),
            Source::Blob { max_length: 8.., .. } => u64::MAX,
            Source::Blob { max_length, .. } => 1 << (8 * max_length),
            Source::Realistic(generator) => generator.distinct(),
        }
    }

    /// Returns true if it counts with integers that do not run out for any table.
    pub(crate) fn is_unbounded_counter(&self) -> bool {
        matches!(self, Source::Integer { max_distinct, .. } if *max_distinct >= UNBOUNDED)
    }

    /// Returns true if its values are JSON.
    fn is_json(&self) -> bool {
        matches!(self, Source::Json(_) | Source::List(_) | Source::Document(_))
    }

    /// Returns true if its values are realistic: there may be fewer than the column can hold.
    pub(crate) fn is_realistic(&self) -> bool {
        matches!(self, Source::Realistic(_))
    }

    /// Returns true if its values are dates or times as text.
    pub(crate) fn is_time_as_text(&self) -> bool {
        matches!(self, Source::Realistic(generator) if generator.is_time_as_text())
    }

    /// Returns a source of the same kind whose values have room for a number.
    pub(crate) fn with_room_for_number(self) -> Source {
        match self {
            Source::Words { min_length, max_length } if max_length < MIN_NUMBERED_WORDS => {
                Source::Letters(short_words(min_length, max_length))
            }
            same => same,
        }
    }
}

/// The length that a word, a hyphen and ten digits need.
const MIN_NUMBERED_WORDS: u64 = 12;

fn short_words(min_length: u64, max_length: u64) -> Letters {
    Letters { alphabet: LETTERS_AND_DIGITS.to_vec(), min_length, max_length }
}

impl Document {
    /// Returns a document without members.
    pub(crate) fn empty() -> Document {
        Document::Object(Vec::new())
    }

    /// Adds a member. A member on its path that is no object is replaced by one.
    pub(crate) fn add(&mut self, path: &[String], source: Source) {
        let Some((key, rest)) = path.split_first() else {
            if matches!(self, Document::Object(members) if members.is_empty()) {
                *self = Document::Value(Box::new(source));
            }
            return;
        };
        if let Document::Value(_) = self {
            *self = Document::empty();
        }
        let Document::Object(members) = self else { return };
        let at = members.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
            members.push((key.clone(), Document::empty()));
            members.len() - 1
        });
        members[at].1.add(rest, source);
    }

    /// Appends a document. Each member that has room for the number shows it.
    fn write(&self, draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
        match self {
            Document::Object(members) => {
                out.push_ascii(b'{');
                for (index, (key, member)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    texts::push_string(key, out);
                    out.push_str(": ");
                    member.write(draw, number, out);
                }
                out.push_ascii(b'}');
            }
            Document::Value(source) => {
                let mut value = ValueBuf::default();
                source.make(draw, number.map(|number| number % source.capacity().max(1)), &mut value);
                match (value.kind(), value.as_text()) {
                    (ValueKind::Text, Some(json)) if source.is_json() => out.push_str(json),
                    (ValueKind::Text, Some(words)) => texts::push_string(words, out),
                    (ValueKind::Integer(_) | ValueKind::Real(_), _) => out.push_str(&value.sql_literal()),
                    _ => out.push_str("null"),
                }
            }
        }
    }

    /// Returns the number of different documents that numbers make.
    pub(crate) fn capacity(&self) -> u64 {
        match self {
            Document::Object(members) => members.iter().map(|(_, member)| member.capacity()).max().unwrap_or(1),
            Document::Value(source) => source.capacity(),
        }
    }
}

fn uuid(draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
    out.start_text();
    let high = draw.next();
    let low = number.map_or_else(|| draw.next(), |number| draw::key(0, number));
    let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff);
    let _ = write!(out, "{a:08x}-{b:04x}-4{c:03x}-{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff);
}

fn blob(draw: &mut Draw, min_length: u64, max_length: u64, number: Option<u64>, out: &mut ValueBuf) {
    out.start_blob();
    let mut length = min_length.max(max_length.min(16)).min(max_length);
    if let Some(number) = number {
        let bytes = max_length.min(8) as usize;
        out.push_bytes(&number.to_be_bytes()[8 - bytes..]);
        length = length.saturating_sub(bytes as u64);
    }
    while length > 0 {
        let bytes = draw.next().to_be_bytes();
        let now = length.min(8) as usize;
        out.push_bytes(&bytes[..now]);
        length -= now as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, Source};
    use crate::data::values::value_buf::ValueBuf;
    use crate::draw::Draw;

    #[test]
    fn members_are_where_their_paths_lead() {
        let path = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<String>>();
        let number = |at| Source::Integer { low: at, step: 1, count: 1, max_distinct: 1 };
        let mut document = Document::empty();
        document.add(&path("a/b"), number(1));
        document.add(&path("a"), number(2));
        document.add(&path("a/c \"d\""), Source::Choices(vec![ValueBuf::from(&"x\n".to_owned().into())]));
        document.add(&path("e"), Source::Json(Some("true".to_owned())));
        document.add(&path("f"), Source::Null);
        let mut value = ValueBuf::default();
        Source::Document(document).make(&mut Draw::new(1), None, &mut value);
        let expected = r#"{"a": {"b": 1, "c \u0022d\u0022": "x\u000a"}, "e": true, "f": null}"#;
        assert_eq!(value.as_text(), Some(expected));
    }
}
