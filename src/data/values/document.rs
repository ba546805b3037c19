//! JSON documents of which constraints say something.

use crate::data::values::column::Source;
use crate::data::values::value_buf::{ValueBuf, ValueKind};
use crate::draw::Draw;

/// What a document is made of.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Object(Vec<(String, Document)>),
    Value(Source),
}

impl Document {
    /// One without members.
    pub(crate) fn empty() -> Document {
        Document::Object(Vec::new())
    }

    /// Adds a member. What is in the way of another one's path gives way to it.
    pub(crate) fn add(&mut self, path: &[String], source: Source) {
        let Some((key, rest)) = path.split_first() else {
            if matches!(self, Document::Object(members) if members.is_empty()) {
                *self = Document::Value(source);
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

    /// Makes one. Each member that has room for it shows the number.
    pub(crate) fn make(&self, draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
        out.start_text();
        self.write(draw, number, out);
    }

    fn write(&self, draw: &mut Draw, number: Option<u64>, out: &mut ValueBuf) {
        match self {
            Document::Object(members) => {
                out.push_ascii(b'{');
                for (index, (key, member)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    text(key, out);
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
                    (ValueKind::Text, Some(words)) => text(words, out),
                    (ValueKind::Integer(_) | ValueKind::Real(_), _) => out.push_str(&value.sql_literal()),
                    _ => out.push_str("null"),
                }
            }
        }
    }

    /// How many documents differ.
    pub(crate) fn capacity(&self) -> u64 {
        match self {
            Document::Object(members) => members.iter().map(|(_, member)| member.capacity()).max().unwrap_or(1),
            Document::Value(source) => source.capacity(),
        }
    }
}

/// A text as JSON has it.
fn text(text: &str, out: &mut ValueBuf) {
    out.push_ascii(b'"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\') || c.is_control()) {
        out.push_str(&rest[..at]);
        let c = rest[at..].chars().next().unwrap_or_default();
        out.push_str(&format!("\\u{:04x}", u32::from(c)));
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
    out.push_ascii(b'"');
}

#[cfg(test)]
mod tests {
    use super::Document;
    use crate::data::values::column::Source;
    use crate::data::values::value_buf::ValueBuf;
    use crate::draw::Draw;

    #[test]
    fn members_stand_where_their_paths_lead() {
        let path = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<String>>();
        let number = |at| Source::Integer { low: at, step: 1, count: 1, most: 1 };
        let mut document = Document::empty();
        document.add(&path("a/b"), number(1));
        document.add(&path("a"), number(2));
        document.add(&path("a/c \"d\""), Source::Choices(vec![ValueBuf::from(&"x\n".to_owned().into())]));
        document.add(&path("e"), Source::Json(Some("true".to_owned())));
        document.add(&path("f"), Source::Null);
        let mut made = ValueBuf::default();
        document.make(&mut Draw::new(1), None, &mut made);
        let expected = r#"{"a": {"b": 1, "c \u0022d\u0022": "x\u000a"}, "e": true, "f": null}"#;
        assert_eq!(made.as_text(), Some(expected));
    }
}
