//! Writes one value. Users' tests run unoptimised, so this is plain: no `format!`, no iterators, no closures; what has a
//! fixed length is put together on the stack and pushed at once.

use super::Generator;
use super::codes::{code, hex, uuid};
use super::kind::Kind;
use super::lists::{
    ADJECTIVES, BEGINNINGS, COUNTRY_CODES, CURRENCIES, ENDINGS, ENGLISH, EXTENSIONS, GOODS, JOBS, LANGUAGES, LOCALES,
    MATERIALS, MIDDLES, MIME_TYPES, NOUNS, NameOrder, StreetOrder, TIME_ZONES, USER_AGENTS,
};
use super::numbers::{a_number, moment, scattered};
use crate::data::ValueBuf;
use crate::data::values::stored_type::StoredType;
use crate::draw::Draw;

/// Writes a value of the generator's kind. `unique` is below its room.
pub(super) fn value(generator: &Generator, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    match generator.kind {
        Kind::Bool => match unique {
            Some(number) => out.set_integer(number as i64),
            None => out.set_integer(draw.below(2) as i64),
        },
        Kind::Number(number) => a_number(number, generator.stored_type, draw, unique, out),
        Kind::Moment(form, span) => moment(form, span, draw, unique, out),
        Kind::Uuid => uuid(generator.stored_type == StoredType::Blob, draw, unique, out),
        Kind::Hex(digits) => hex(usize::from(digits), generator.stored_type == StoredType::Blob, draw, unique, out),
        _ => {
            out.start_text();
            text(generator, draw, unique, out);
        }
    }
}

fn text(generator: &Generator, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let lists = generator.lists;
    match generator.kind {
        Kind::FirstName => named(generator, pick(lists.first_names, draw), unique, out),
        Kind::LastName => named(generator, pick(lists.last_names, draw), unique, out),
        Kind::City => named(generator, pick(lists.cities, draw), unique, out),
        Kind::Country => named(generator, pick(lists.countries, draw), unique, out),
        Kind::State => named(generator, pick(lists.states, draw), unique, out),
        Kind::Job => named(generator, pick(JOBS, draw), unique, out),
        Kind::UserAgent => named(generator, pick(USER_AGENTS, draw), unique, out),
        Kind::FullName => {
            let (first, last) = (pick(lists.first_names, draw), pick(lists.last_names, draw));
            match lists.name_order {
                NameOrder::GivenFirst => two(first, " ", last, out),
                NameOrder::FamilyFirst => two(last, " ", first, out),
                NameOrder::FamilyFirstTogether => two(last, "", first, out),
            }
            end(generator, " ", unique, "", out);
        }
        Kind::Company => {
            let together = lists.name_order == NameOrder::FamilyFirstTogether;
            two(pick(lists.last_names, draw), if together { "" } else { " " }, pick(lists.company_suffixes, draw), out);
            end(generator, " ", unique, "", out);
        }
        Kind::Product => {
            two(pick(MATERIALS, draw), " ", pick(GOODS, draw), out);
            end(generator, " ", unique, "", out);
        }
        Kind::Label => {
            let choice = draw.next();
            capital(adjective(choice), out);
            out.push_ascii(b' ');
            capital(noun(choice), out);
            end(generator, " ", unique, "", out);
        }
        Kind::KeyName => {
            phrase("_", draw, out);
            end(generator, "_", unique, "", out);
        }
        Kind::Slug => {
            phrase("-", draw, out);
            end(generator, "-", unique, "", out);
        }
        Kind::Host => {
            phrase("-", draw, out);
            end(generator, "-", unique, pick(&[".example.com", ".example.org", ".example.net"], draw), out);
        }
        Kind::Url => {
            out.push_str(pick(&["https://example.com/", "https://example.org/", "https://example.net/"], draw));
            phrase("-", draw, out);
            end(generator, "-", unique, "", out);
        }
        Kind::ImageUrl => {
            out.push_str("https://example.com/");
            phrase("-", draw, out);
            end(generator, "-", unique, ".png", out);
        }
        Kind::FileName => {
            phrase("-", draw, out);
            end(generator, "-", unique, pick(&[".txt", ".pdf", ".png", ".jpg", ".csv", ".zip"], draw), out);
        }
        Kind::Path => {
            out.push_ascii(b'/');
            phrase("/", draw, out);
            end(generator, "-", unique, pick(&[".txt", ".pdf", ".png", ".jpg", ".csv", ".zip"], draw), out);
        }
        Kind::Email => {
            letters(pick(ENGLISH.first_names, draw), out);
            out.push_ascii(b'.');
            letters(pick(ENGLISH.last_names, draw), out);
            end(generator, ".", unique, pick(&["@example.com", "@example.org", "@example.net"], draw), out);
        }
        Kind::Username => {
            letters(pick(ENGLISH.first_names, draw), out);
            out.push_ascii(b'_');
            letters(pick(ENGLISH.last_names, draw), out);
            end(generator, "", unique, "", out);
        }
        Kind::Street => street(generator, draw, unique, out),
        Kind::Title => {
            if lists.sentences.is_empty() {
                let choice = draw.next();
                capital(adjective(choice), out);
                two(" ", noun(choice), " and the ", out);
                out.push_str(noun(choice >> 12));
            } else {
                out.push_str(pick(lists.sentences, draw));
            }
            end(generator, " #", unique, "", out);
        }
        Kind::Sentence => {
            sentence(generator, draw, out);
            end(generator, " #", unique, "", out);
        }
        Kind::Paragraph => {
            sentence(generator, draw, out);
            out.push_ascii(b' ');
            sentence(generator, draw, out);
            end(generator, " #", unique, "", out);
        }
        Kind::CountryCode => listed(COUNTRY_CODES, draw, unique, out),
        Kind::Currency => listed(CURRENCIES, draw, unique, out),
        Kind::Extension => listed(EXTENSIONS, draw, unique, out),
        Kind::Language => listed(if generator.limit < 5 { LANGUAGES } else { LOCALES }, draw, unique, out),
        Kind::Mime => listed(MIME_TYPES, draw, unique, out),
        Kind::StateCode => listed(lists.state_codes, draw, unique, out),
        Kind::TimeZone => listed(TIME_ZONES, draw, unique, out),
        _ => code(generator, draw, unique, out),
    }
}

/// One of the words, without the white space that some of fake's end with.
fn pick(words: &'static [&'static str], draw: &mut Draw) -> &'static str {
    let word = words[draw.below(words.len() as u64) as usize];
    if word.as_bytes()[word.len() - 1] <= b' ' { word.trim_end() } else { word }
}

fn adjective(choice: u64) -> &'static str {
    ADJECTIVES[(choice & 63) as usize]
}

fn noun(choice: u64) -> &'static str {
    NOUNS[(choice >> 6 & 63) as usize]
}

pub(super) fn phrase(between: &str, draw: &mut Draw, out: &mut ValueBuf) {
    let choice = draw.next();
    two(adjective(choice), between, noun(choice), out);
}

fn two(first: &str, between: &str, second: &str, out: &mut ValueBuf) {
    out.push_str(first);
    out.push_str(between);
    out.push_str(second);
}

/// A word of ours with a capital.
fn capital(word: &str, out: &mut ValueBuf) {
    out.push_ascii(word.as_bytes()[0].to_ascii_uppercase());
    out.push_str(&word[1..]);
}

/// The letters of a word, small: `oconnell` of `O'Connell`.
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

fn named(generator: &Generator, name: &str, unique: Option<u64>, out: &mut ValueBuf) {
    out.push_str(name);
    end(generator, " ", unique, "", out);
}

/// What stands behind a text: the number, if there is one, and an ending; the text is cut where they would not fit.
fn end(generator: &Generator, separator: &str, unique: Option<u64>, ending: &str, out: &mut ValueBuf) {
    if generator.limit != usize::MAX {
        let number = match unique {
            Some(number) => separator.len() + digits_of(number),
            None => 0,
        };
        cut(generator.limit.saturating_sub(number + ending.len()), out);
    }
    if let Some(number) = unique {
        out.push_str(separator);
        out.push_number(number, 1);
    }
    out.push_str(ending);
}

/// Cuts a text to at most so many characters, and so that it does not end in what would stand between two words.
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
            // A shorter text was not cut.
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

fn listed(words: &'static [&'static str], draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let Some(number) = unique else { return out.push_str(pick(words, draw)) };
    let length = words.len() as u64;
    out.push_str(words[(scattered(number, length) % length) as usize]);
    if number >= length {
        out.push_ascii(b'-');
        out.push_number(number, 1);
    }
}

fn sentence(generator: &Generator, draw: &mut Draw, out: &mut ValueBuf) {
    let sentences = generator.lists.sentences;
    if sentences.is_empty() {
        two(pick(BEGINNINGS, draw), pick(MIDDLES, draw), pick(ENDINGS, draw), out);
    } else {
        out.push_str(pick(sentences, draw));
    }
}

fn street(generator: &Generator, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let lists = generator.lists;
    let (name, suffix) = (pick(lists.last_names, draw), pick(lists.street_suffixes, draw));
    let number = match unique {
        Some(number) => number,
        None => 1 + draw.below(199),
    };
    match lists.street_order {
        StreetOrder::NumberNameSuffix | StreetOrder::NumberSuffixName => {
            out.push_number(number, 1);
            out.push_ascii(b' ');
            if lists.street_order == StreetOrder::NumberNameSuffix {
                two(name, " ", suffix, out);
            } else {
                two(suffix, " ", name, out);
            }
            end(generator, "", None, "", out);
        }
        StreetOrder::TogetherNumber => {
            two(name, "", suffix, out);
            end(generator, " ", Some(number), "", out);
        }
        StreetOrder::NameSuffixNumber => {
            two(name, " ", suffix, out);
            end(generator, " ", Some(number), "", out);
        }
        StreetOrder::SuffixNameNumber => {
            two(suffix, " ", name, out);
            end(generator, " ", Some(number), "", out);
        }
    }
}
