//! Writes one value. Users' tests run unoptimized, so this code is plain: no `format!`, no iterators, no closures. Texts of
//! a fixed length are put together on the stack and pushed at once.

use crate::data::values::realistic::codes::{code, hex, uuid};
use crate::data::values::realistic::kind::{Kind, Spec};
use crate::data::values::realistic::lists::{
    BEGINNINGS, ENDINGS, ENGLISH, GOODS, JOBS, MATERIALS, MIDDLES, NameOrder, STATUS_CODES, StreetOrder, USER_AGENTS,
    Words,
};
use crate::data::values::realistic::parts::{
    a_number, adjective, capital, given_or_drawn, moment, noun, phrase, pick, scattered, two,
};
use crate::data::values::stored_type::StoredType;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;

/// Writes a value. `unique` is a number below the capacity.
pub(super) fn value(spec: &Spec, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    match spec.kind {
        Kind::Bool => out.set_integer(given_or_drawn(draw, unique, 2) as i64),
        Kind::StatusCode => {
            let codes = STATUS_CODES.len() as u64;
            let at = given_or_drawn(draw, unique, codes);
            out.set_integer(if at < codes { i64::from(STATUS_CODES[at as usize]) } else { 600 + at as i64 });
        }
        Kind::Number(number) => a_number(number, spec.stored_type, draw, unique, out),
        Kind::Moment(form, span) => moment(form, span, draw, unique, out),
        Kind::Uuid => uuid(spec.stored_type == StoredType::Blob, draw, unique, out),
        Kind::Hex(digits) => hex(usize::from(digits), spec.stored_type == StoredType::Blob, draw, unique, out),
        _ => {
            out.start_text();
            text(spec, draw, unique, out);
        }
    }
}

fn text(spec: &Spec, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let lists = spec.lists;
    if let Some(words) = names(spec) {
        out.push_str(pick(words, draw));
        return end(spec, " ", unique, "", out);
    }
    if let Some(words) = spec.codes() {
        return listed(words, draw, unique, out);
    }
    let mut separator = " ";
    match spec.kind {
        Kind::FullName => {
            let (first, last) = (pick(lists.first_names, draw), pick(lists.last_names, draw));
            match lists.name_order {
                NameOrder::GivenFirst => two(first, " ", last, out),
                NameOrder::FamilyFirst => two(last, " ", first, out),
                NameOrder::FamilyFirstTogether => two(last, "", first, out),
            }
        }
        Kind::Company => {
            let together = lists.name_order == NameOrder::FamilyFirstTogether;
            two(pick(lists.last_names, draw), if together { "" } else { " " }, pick(lists.company_suffixes, draw), out);
        }
        Kind::Product => two(pick(MATERIALS, draw), " ", pick(GOODS, draw), out),
        Kind::Label => {
            let choice = draw.next();
            capital(adjective(choice), out);
            out.push_ascii(b' ');
            capital(noun(choice), out);
        }
        Kind::KeyName => {
            phrase("_", draw, out);
            separator = "_";
        }
        Kind::Slug => {
            phrase("-", draw, out);
            separator = "-";
        }
        Kind::Username => {
            two_names("_", draw, out);
            separator = "";
        }
        Kind::Street => return street(spec, draw, unique, out),
        Kind::Title | Kind::Sentence | Kind::Paragraph => {
            prose(spec, draw, out);
            separator = " #";
        }
        _ => return address(spec, draw, unique, out),
    }
    end(spec, separator, unique, "", out);
}

/// Writes the address of a person, a machine or a file, or a code.
fn address(spec: &Spec, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    match spec.kind {
        Kind::Host => {
            phrase("-", draw, out);
            end(spec, "-", unique, pick(&[".example.com", ".example.org", ".example.net"], draw), out);
        }
        Kind::Url => {
            out.push_str(pick(&["https://example.com/", "https://example.org/", "https://example.net/"], draw));
            phrase("-", draw, out);
            end(spec, "-", unique, "", out);
        }
        Kind::ImageUrl => {
            out.push_str("https://example.com/");
            phrase("-", draw, out);
            end(spec, "-", unique, ".png", out);
        }
        Kind::FileName => {
            phrase("-", draw, out);
            end(spec, "-", unique, pick(&[".txt", ".pdf", ".png", ".jpg", ".csv", ".zip"], draw), out);
        }
        Kind::Path => {
            out.push_ascii(b'/');
            phrase("/", draw, out);
            end(spec, "-", unique, pick(&[".txt", ".pdf", ".png", ".jpg", ".csv", ".zip"], draw), out);
        }
        Kind::Email => {
            two_names(".", draw, out);
            end(spec, ".", unique, pick(&["@example.com", "@example.org", "@example.net"], draw), out);
        }
        _ => code(spec, draw, unique, out),
    }
}

/// Writes the address of a person. The first draw chooses the first name, the second one, or the rest of the first, the last name.
pub(super) fn email(
    spec: &Spec,
    (first, last): &mut (Draw, Option<Draw>),
    draw: &mut Draw,
    unique: Option<u64>,
    out: &mut ValueBuf,
) {
    out.start_text();
    letters(pick(ENGLISH.first_names, first), out);
    out.push_str(".");
    letters(pick(ENGLISH.last_names, last.as_mut().unwrap_or(first)), out);
    end(spec, ".", unique, pick(&["@example.com", "@example.org", "@example.net"], draw), out);
}

/// Writes a title, a sentence or two sentences.
fn prose(spec: &Spec, draw: &mut Draw, out: &mut ValueBuf) {
    let sentences = spec.lists.sentences;
    match spec.kind {
        Kind::Title if sentences.is_empty() => {
            let choice = draw.next();
            capital(adjective(choice), out);
            two(" ", noun(choice), " and the ", out);
            out.push_str(noun(choice >> 12));
        }
        Kind::Title => out.push_str(pick(sentences, draw)),
        Kind::Paragraph => {
            sentence(spec, draw, out);
            out.push_ascii(b' ');
            sentence(spec, draw, out);
        }
        _ => sentence(spec, draw, out),
    }
}

/// Returns the names among which a kind chooses.
fn names(spec: &Spec) -> Option<Words> {
    let lists = spec.lists;
    Some(match spec.kind {
        Kind::FirstName => lists.first_names,
        Kind::LastName => lists.last_names,
        Kind::City => lists.cities,
        Kind::Country => lists.countries,
        Kind::State => lists.states,
        Kind::Job => JOBS,
        Kind::UserAgent => USER_AGENTS,
        _ => return None,
    })
}

/// Appends a first and a last name in small letters.
fn two_names(between: &str, draw: &mut Draw, out: &mut ValueBuf) {
    letters(pick(ENGLISH.first_names, draw), out);
    out.push_str(between);
    letters(pick(ENGLISH.last_names, draw), out);
}

/// Appends the letters of a word in lower case: `oconnell` for `O'Connell`.
fn letters(word: &str, out: &mut ValueBuf) {
    let word = word.as_bytes();
    let mut small = [0; 32];
    let (mut from, mut to) = (0, 0);
    while from < word.len() && to < small.len() {
        let byte = word[from] | 0x20;
        if byte.is_ascii_lowercase() {
            small[to] = byte;
            to += 1;
        }
        from += 1;
    }
    out.push_bytes(&small[..to]);
}

/// Appends the number, if there is one, and an ending. Cuts the text in front of them to the declared length.
fn end(spec: &Spec, separator: &str, unique: Option<u64>, ending: &str, out: &mut ValueBuf) {
    if spec.limit != usize::MAX {
        let number = match unique {
            Some(number) => separator.len() + digits_of(number),
            None => 0,
        };
        cut(spec.limit.saturating_sub(number + ending.len()), out);
    }
    if let Some(number) = unique {
        out.push_str(separator);
        out.push_number(number, 1);
    }
    out.push_str(ending);
}

/// Cuts a text to at most this many characters. If a cut text ends in a separator, it is cut further.
fn cut(mut characters: usize, out: &mut ValueBuf) {
    loop {
        out.truncate(characters);
        match out.as_text() {
            Some(text)
                if characters > 1
                    && text.ends_with([' ', '-', '_', '.', ',', '/'])
                    && text.chars().count() == characters =>
            {
                characters -= 1;
            }
            // A text that was shorter is not cut.
            _ => return,
        }
    }
}

fn digits_of(number: u64) -> usize {
    let (mut digits, mut rest) = (1, number / 10);
    while rest > 0 {
        digits += 1;
        rest /= 10;
    }
    digits
}

fn listed(words: Words, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let Some(number) = unique else { return out.push_str(pick(words, draw)) };
    let length = words.len() as u64;
    out.push_str(words[(scattered(number, length) % length) as usize]);
    if number >= length {
        out.push_ascii(b'-');
        out.push_number(number, 1);
    }
}

fn sentence(spec: &Spec, draw: &mut Draw, out: &mut ValueBuf) {
    let sentences = spec.lists.sentences;
    if sentences.is_empty() {
        two(pick(BEGINNINGS, draw), pick(MIDDLES, draw), pick(ENDINGS, draw), out);
    } else {
        out.push_str(pick(sentences, draw));
    }
}

fn street(spec: &Spec, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let lists = spec.lists;
    let (name, suffix) = (pick(lists.last_names, draw), pick(lists.street_suffixes, draw));
    let number = match unique {
        Some(number) => number,
        None => 1 + draw.below(199),
    };
    match lists.street_order {
        StreetOrder::NumberNameSuffix | StreetOrder::NumberSuffixName => {
            out.push_number(number, 1);
            out.push_ascii(b' ');
            let is_name_first = lists.street_order == StreetOrder::NumberNameSuffix;
            let (first, second) = if is_name_first { (name, suffix) } else { (suffix, name) };
            two(first, " ", second, out);
            return end(spec, "", None, "", out);
        }
        StreetOrder::TogetherNumber => two(name, "", suffix, out),
        StreetOrder::NameSuffixNumber => two(name, " ", suffix, out),
        StreetOrder::SuffixNameNumber => two(suffix, " ", name, out),
    }
    end(spec, " ", Some(number), "", out);
}
