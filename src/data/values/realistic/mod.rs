//! Values that look like what a column's name promises: an email address in `email`, a time in `created_at`, in the form
//! that the column stores.
//!
//! ```text
//! table, column, type -> names: which kind? -> Generator -> write: a value from a draw
//! ```
//!
//! Addresses, numbers and hosts are those that are kept free for examples (RFC 2606, RFC 5737, 555-01xx), so that a test
//! that sends something reaches nobody. The words are fake's; its generators are not used, for they allocate each value and
//! draw from a source of their own.

mod codes;
mod kind;
#[rustfmt::skip] // Words, many to a line.
mod lists;
mod names;
mod numbers;
#[cfg(test)]
mod tests;
mod words;
mod write;

use crate::data::ValueBuf;
use crate::data::values::stored_type::{StoredType, declared_length};
use crate::draw::Draw;
use crate::schema::Column;
use kind::{Form, Kind};
use lists::Lists;

/// In which language names, places and texts are made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Locale {
    /// English
    #[default]
    En,
    /// Arabic
    Ar,
    /// Welsh
    Cy,
    /// German
    De,
    /// Persian
    Fa,
    /// French
    Fr,
    /// Italian
    It,
    /// Japanese
    Ja,
    /// Dutch
    Nl,
    /// Portuguese of Brazil
    PtBr,
    /// Portuguese of Portugal
    PtPt,
    /// Turkish
    Tr,
    /// Chinese in simplified characters
    ZhCn,
    /// Chinese in traditional characters
    ZhTw,
}

/// Makes the values of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Generator {
    kind: Kind,
    stored_type: StoredType,
    lists: &'static Lists,
    /// How many characters a text has at most.
    limit: usize,
    /// How many values it can tell apart.
    room: u64,
}

/// What makes the values of a column; none where its name does not say what they are, or where its type has no place for
/// them.
pub(crate) fn generator(table: &str, column: &Column, strict: bool, locale: Locale) -> Option<Generator> {
    let stored_type = StoredType::of(column, strict);
    let limit = declared_length(column);
    let kind = names::kind(table, column, stored_type, limit)?;
    let lists = Lists::of(locale);
    let limit = limit.unwrap_or(usize::MAX);
    let kept = match kind {
        Kind::Bool => matches!(stored_type, StoredType::Integer | StoredType::Numeric),
        Kind::Uuid | Kind::Hex(_) => !matches!(stored_type, StoredType::Integer | StoredType::Real),
        // Without a type it may be a number that is counted up.
        Kind::Version => stored_type == StoredType::Text,
        Kind::Number(_) | Kind::Moment(..) => stored_type != StoredType::Blob,
        _ => !matches!(stored_type, StoredType::Integer | StoredType::Real | StoredType::Blob),
    };
    let room = if kept { room(kind, limit, lists)? } else { return None };
    Some(Generator { kind, stored_type, lists, limit, room })
}

impl Generator {
    /// Makes a value. With a number the value differs from those of all other numbers below [`distinct`](Generator::distinct).
    pub(crate) fn make(&self, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
        let unique = match unique {
            Some(number) if number >= self.room => Some(number % self.room),
            unique => unique,
        };
        write::value(self, draw, unique, out);
    }

    /// How many values it can make that all differ: few where a declared length leaves no place for a number. The column
    /// may hold more that look like nothing.
    pub(crate) fn distinct(&self) -> u64 {
        self.room
    }
}

/// How many values of a kind differ in at most `limit` characters; none if a value would be longer, or cut so short that
/// nobody would know it.
fn room(kind: Kind, limit: usize, lists: &Lists) -> Option<u64> {
    /// So many characters besides the number that tells one from another, and the fewest that look like something.
    fn open(fixed: usize, least: usize, limit: usize) -> Option<u64> {
        (limit >= least).then(|| ten_to(limit.saturating_sub(fixed)))
    }
    /// At most so many characters; so many values, and more if there is no limit.
    fn closed(longest: usize, values: u64, limit: usize) -> Option<u64> {
        (limit >= longest).then_some(if limit == usize::MAX { u64::MAX } else { values })
    }
    fn list(list: &[&str], limit: usize) -> Option<u64> {
        closed(list.iter().map(|word| word.len()).max().unwrap_or(0), list.len() as u64, limit)
    }
    match kind {
        Kind::Argon2 => (limit >= codes::ARGON2_LENGTH).then_some(u64::MAX),
        Kind::Bcrypt => (limit >= codes::BCRYPT_LENGTH).then_some(u64::MAX),
        Kind::Bool => Some(u64::MAX),
        Kind::City | Kind::FirstName | Kind::LastName | Kind::State | Kind::Country => open(2, 10, limit),
        Kind::FullName | Kind::Company | Kind::Job | Kind::Product | Kind::Label | Kind::KeyName | Kind::Slug => {
            open(2, 12, limit)
        }
        Kind::Street => open(2, 12, limit),
        Kind::Sentence | Kind::Title | Kind::Paragraph | Kind::UserAgent => open(3, 20, limit),
        Kind::Username => open(1, 8, limit),
        Kind::Email => open(14, 20, limit),
        Kind::Host => open(14, 24, limit),
        Kind::Url => open(22, 32, limit),
        Kind::ImageUrl => open(26, 36, limit),
        Kind::FileName => open(6, 14, limit),
        Kind::Path => open(7, 16, limit),
        Kind::Color => (limit >= 7).then_some(1 << 24),
        Kind::CountryCode => list(lists::COUNTRY_CODES, limit),
        Kind::Currency => list(lists::CURRENCIES, limit),
        Kind::Extension => list(lists::EXTENSIONS, limit),
        Kind::Language => list(if limit < 5 { lists::LANGUAGES } else { lists::LOCALES }, limit),
        Kind::Mime => list(lists::MIME_TYPES, limit),
        Kind::StateCode => list(lists.state_codes, limit),
        Kind::TimeZone => list(lists::TIME_ZONES, limit),
        Kind::Hex(digits) => (limit >= usize::from(digits)).then_some(u64::MAX),
        Kind::Iban => (limit >= 22).then_some(ten_to(10)),
        Kind::Ip => closed(15, codes::EXAMPLE_ADDRESSES, limit),
        Kind::Ipv6 => (limit >= 39).then_some(u64::MAX),
        Kind::Json => (limit >= 100).then_some(u64::MAX),
        Kind::Mac => (limit >= 17).then_some(1 << 40),
        Kind::Moment(form, span) => {
            let (start, _) = span.seconds();
            // SQLite's functions know the years 0 to 9999.
            let left = (253_402_300_799 - start) as u64;
            match form {
                Form::DateTime => (limit >= 19).then_some(left),
                Form::Date => (limit >= 10).then_some(left / 86_400),
                Form::TimeOfDay => closed(8, 86_400, limit),
                // An i64 of nanoseconds ends in the year 2262.
                Form::Nanoseconds => Some((9_223_372_035 - start) as u64),
                _ => Some(left),
            }
        }
        Kind::Number(number) => {
            let values = number.high.abs_diff(number.low) + 1;
            if limit == usize::MAX { Some(1 << 50) } else { closed(11, values, limit) }
        }
        Kind::Phone => {
            if limit < 15 {
                closed(12, codes::EXAMPLE_PHONES, limit)
            } else {
                closed(15, codes::EXAMPLE_PHONES, limit)
            }
        }
        Kind::PostalCode => {
            let digits = lists.postal_code.iter().filter(|letter| **letter == b'#').count();
            closed(lists.postal_code.len(), ten_to(digits), limit)
        }
        Kind::Sku => open(4, 9, limit),
        Kind::Uuid => (limit >= 36).then_some(1 << 62),
        Kind::Version => open(5, 8, limit),
    }
}

fn ten_to(digits: usize) -> u64 {
    10_u64.checked_pow(digits.min(64) as u32).unwrap_or(u64::MAX)
}
