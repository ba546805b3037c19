//! The generator of the values of one column.

use crate::data::values::realistic::codes;
use crate::data::values::realistic::kind::{Kind, Spec, TimeFormat};
use crate::data::values::realistic::lists::{Lists, Locale};
use crate::data::values::realistic::names;
use crate::data::values::realistic::write;
use crate::data::values::stored_type::{StoredType, declared_length};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;
use crate::schema::Column;

/// Generates the values of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Generator {
    pub(super) spec: Spec,
    /// The number of values that it can tell apart.
    distinct: u64,
}

/// A part of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Person {
    Email,
    FullName,
    FirstName,
    LastName,
}

impl Generator {
    /// Returns the generator for a column. `None` if its name does not tell its kind, or if its type cannot hold the
    /// values.
    pub(crate) fn of(table: &str, column: &Column, strict: bool, locale: Locale) -> Option<Generator> {
        let stored_type = StoredType::of(column, strict);
        let limit = declared_length(column);
        let kind = names::kind(table, column, stored_type, limit)?;
        let is_kept = match kind {
            Kind::Bool | Kind::StatusCode => matches!(stored_type, StoredType::Integer | StoredType::Numeric),
            Kind::Uuid | Kind::Hex(_) => !matches!(stored_type, StoredType::Integer | StoredType::Real),
            // Without a type, the version may be a number that counts up.
            Kind::Version => stored_type == StoredType::Text,
            Kind::Number(_) | Kind::Moment(..) => stored_type != StoredType::Blob,
            _ => !matches!(stored_type, StoredType::Integer | StoredType::Real | StoredType::Blob),
        };
        if !is_kept {
            return None;
        }
        let spec = Spec { kind, stored_type, lists: Lists::of(locale), limit: limit.unwrap_or(usize::MAX) };
        Some(Generator { spec, distinct: capacity(&spec)? })
    }

    /// Generates a value. With a number, the value differs from those of all other numbers below
    /// [`distinct`](Generator::distinct).
    pub(crate) fn make(&self, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
        let unique = match unique {
            Some(number) if number >= self.distinct => Some(number % self.distinct),
            unique => unique,
        };
        write::value(&self.spec, draw, unique, out);
    }

    /// Returns true if its values are dates or times as text.
    pub(crate) fn is_time_as_text(&self) -> bool {
        use TimeFormat::{Date, DateTime, TimeOfDay};
        matches!(self.spec.kind, Kind::Moment(DateTime | Date | TimeOfDay, _))
    }

    /// Returns the part of a person that the values are.
    pub(crate) fn person(&self) -> Option<Person> {
        match self.spec.kind {
            Kind::Email => Some(Person::Email),
            Kind::FullName => Some(Person::FullName),
            Kind::FirstName => Some(Person::FirstName),
            Kind::LastName => Some(Person::LastName),
            _ => None,
        }
    }

    /// Generates the address of the person whose names have these draws.
    pub(crate) fn make_email(
        &self,
        mut names: (Draw, Option<Draw>),
        draw: &mut Draw,
        unique: Option<u64>,
        out: &mut ValueBuf,
    ) {
        let unique = unique.map(|number| number % self.distinct.max(1));
        write::email(&self.spec, &mut names, draw, unique, out);
    }

    /// Returns the number of values that differ. It is low if a declared length leaves no room for a number. The column may
    /// hold more values that are not realistic.
    pub(crate) fn distinct(&self) -> u64 {
        self.distinct
    }
}

/// Returns the number of different values of a kind within the declared length. `None` if a value would be longer, or would
/// be cut so short that nobody would recognize it.
fn capacity(spec: &Spec) -> Option<u64> {
    let (limit, lists) = (spec.limit, spec.lists);
    match spec.kind {
        Kind::Argon2 => (limit >= codes::ARGON2_LENGTH).then_some(u64::MAX),
        Kind::Bcrypt => (limit >= codes::BCRYPT_LENGTH).then_some(u64::MAX),
        Kind::Bool => Some(u64::MAX),
        // Numbers behind the known statuses start at 600 and fit an i64.
        Kind::StatusCode => Some(i64::MAX as u64 - 600),
        Kind::City | Kind::FirstName | Kind::LastName | Kind::State | Kind::Country => open(2, 10, limit),
        Kind::FullName
        | Kind::Company
        | Kind::Job
        | Kind::Product
        | Kind::Label
        | Kind::KeyName
        | Kind::Slug
        | Kind::Street => open(2, 12, limit),
        Kind::Sentence | Kind::Title | Kind::Paragraph | Kind::UserAgent => open(3, 20, limit),
        Kind::Username => open(1, 8, limit),
        Kind::Email => open(14, 20, limit),
        Kind::Host => open(14, 24, limit),
        Kind::Url => open(22, 32, limit),
        Kind::ImageUrl => open(26, 36, limit),
        Kind::FileName => open(6, 14, limit),
        Kind::Path => open(7, 16, limit),
        Kind::Color => (limit >= 7).then_some(1 << 24),
        Kind::CountryCode
        | Kind::Currency
        | Kind::Extension
        | Kind::Flag
        | Kind::Language
        | Kind::Mime
        | Kind::StateCode
        | Kind::Status
        | Kind::TimeZone => {
            let codes = spec.codes()?;
            closed(codes.iter().map(|code| code.len()).max()?, codes.len() as u64, limit)
        }
        Kind::Hex(digits) => (limit >= usize::from(digits)).then_some(u64::MAX),
        Kind::Iban => (limit >= 22).then_some(ten_to(10)),
        Kind::Ip => closed(15, codes::EXAMPLE_ADDRESSES, limit),
        Kind::Ipv6 => (limit >= 39).then_some(u64::MAX),
        Kind::Json => (limit >= 100).then_some(u64::MAX),
        Kind::Mac => (limit >= 17).then_some(1 << 40),
        Kind::Moment(format, period) => {
            let (start, _) = period.seconds();
            // SQLite's functions support the years 0 to 9999.
            let left = (253_402_300_799 - start) as u64;
            match format {
                TimeFormat::DateTime => (limit >= 19).then_some(left),
                TimeFormat::Date => (limit >= 10).then_some(left / 86_400),
                TimeFormat::TimeOfDay => closed(8, 86_400, limit),
                // Nanoseconds in an i64 end in the year 2262.
                TimeFormat::Nanoseconds => Some((9_223_372_035 - start) as u64),
                _ => Some(left),
            }
        }
        Kind::Number(number) => {
            let values = number.high.abs_diff(number.low) + 1;
            if limit == usize::MAX { Some(1 << 50) } else { closed(11, values, limit) }
        }
        // Below 15 characters, a number has no country code.
        Kind::Phone => closed(12, codes::EXAMPLE_PHONES, limit),
        Kind::PostalCode => {
            let digits = lists.postal_code.iter().filter(|letter| **letter == b'#').count();
            closed(lists.postal_code.len(), ten_to(digits), limit)
        }
        Kind::Sku => open(4, 9, limit),
        Kind::Uuid => (limit >= 36).then_some(1 << 62),
        Kind::Version => open(5, 8, limit),
    }
}

/// Returns the capacity of texts that end in a number, from the length of everything else and the least length that is
/// recognizable.
fn open(fixed: usize, least: usize, limit: usize) -> Option<u64> {
    (limit >= least).then(|| ten_to(limit.saturating_sub(fixed)))
}

/// Returns the capacity of texts of a greatest length: this many values, and more if there is no limit.
fn closed(longest: usize, values: u64, limit: usize) -> Option<u64> {
    (limit >= longest).then_some(if limit == usize::MAX { u64::MAX } else { values })
}

fn ten_to(digits: usize) -> u64 {
    10_u64.checked_pow(digits.min(64) as u32).unwrap_or(u64::MAX)
}
