//! The kinds of realistic values.

use crate::data::values::realistic::lists::{
    COUNTRY_CODES, CURRENCIES, EXTENSIONS, FLAGS, LANGUAGES, LOCALES, Lists, MIME_TYPES, STATUSES, TIME_ZONES, Words,
};
use crate::data::values::stored_type::StoredType;

/// A kind of realistic values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Argon2,
    Bcrypt,
    Bool,
    City,
    Color,
    Company,
    Country,
    CountryCode,
    Currency,
    Email,
    Extension,
    FileName,
    /// `true` or `false`, as a text.
    Flag,
    FirstName,
    FullName,
    /// This number of hexadecimal digits, or half as many bytes.
    Hex(u8),
    Host,
    Iban,
    ImageUrl,
    Ip,
    Ipv6,
    Job,
    Json,
    KeyName,
    Label,
    Language,
    LastName,
    Mac,
    Mime,
    Moment(TimeFormat, Period),
    Number(NumberRange),
    Paragraph,
    Path,
    Phone,
    PostalCode,
    Product,
    Sentence,
    Sku,
    Slug,
    State,
    StateCode,
    Status,
    /// A status of HTTP, as a number.
    StatusCode,
    Street,
    TimeZone,
    Title,
    Url,
    UserAgent,
    Username,
    Uuid,
    Version,
}

/// A range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumberRange {
    /// The lowest and the highest number, without the decimal point.
    pub(super) low: i64,
    pub(super) high: i64,
    /// The number of digits behind the decimal point.
    pub(super) decimals: u8,
}

/// The format in which a point in time is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeFormat {
    /// `2026-03-01 12:34:56`, as `datetime()` writes it.
    DateTime,
    /// `2026-03-01`
    Date,
    /// `12:34:56`
    TimeOfDay,
    /// Seconds since 1970, like the next three in their units.
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    /// Seconds since 1970 in a REAL.
    SecondsReal,
    /// The Julian day, as `julianday()` returns it.
    Julian,
}

/// A period of time. What is created comes before what is changed, and what is planned comes after July 1, 2026, which is now
/// for all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    /// Births of people who are adults in 2024.
    Births,
    /// 2024 and 2025.
    First,
    /// The first half of 2026.
    Middle,
    /// June 2026: no time of something that has ended is in the future.
    Closed,
    /// From July 2026 to the end of 2027.
    Last,
}

impl Period {
    /// Returns its first second since 1970 and its length in seconds.
    pub(super) const fn seconds(self) -> (i64, u64) {
        match self {
            Period::Births => (-631_152_000, 1_767_225_600),
            Period::First => (1_704_067_200, 63_158_400),
            Period::Middle => (1_767_225_600, 15_638_400),
            Period::Closed => (1_780_272_000, 2_592_000),
            Period::Last => (1_782_864_000, 47_433_600),
        }
    }
}

/// The kind of the values of a column, and the form in which they are stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    pub(super) stored_type: StoredType,
    pub(super) lists: &'static Lists,
    /// The greatest length of a text in characters.
    pub(super) limit: usize,
}

impl Spec {
    /// Returns the codes among which a kind chooses.
    pub(super) fn codes(&self) -> Option<Words> {
        Some(match self.kind {
            Kind::CountryCode => COUNTRY_CODES,
            Kind::Currency => CURRENCIES,
            Kind::Extension => EXTENSIONS,
            Kind::Flag => FLAGS,
            Kind::Status => STATUSES,
            Kind::Language if self.limit < 5 => LANGUAGES,
            Kind::Language => LOCALES,
            Kind::Mime => MIME_TYPES,
            Kind::StateCode => self.lists.state_codes,
            Kind::TimeZone => TIME_ZONES,
            _ => return None,
        })
    }
}
