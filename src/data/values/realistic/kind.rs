//! What a value is.

/// What the values of a column are.
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
    FirstName,
    FullName,
    /// So many hexadecimal digits, or half as many bytes.
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
    Moment(Form, Span),
    Number(Number),
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
    Street,
    TimeZone,
    Title,
    Url,
    UserAgent,
    Username,
    Uuid,
    Version,
}

/// A number between two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// The lowest and the highest one, without the decimal point.
    pub(super) low: i64,
    pub(super) high: i64,
    /// How many of the digits stand behind the decimal point.
    pub(super) decimals: u8,
}

/// How a point in time is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `2026-03-01 12:34:56`, as `datetime()` writes it.
    DateTime,
    /// `2026-03-01`
    Date,
    /// `12:34:56`
    TimeOfDay,
    /// Since 1970.
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    /// Seconds in a REAL.
    SecondsReal,
    /// The Julian day, as `julianday()` gives it.
    Julian,
}

/// Which years. The spans do not overlap, so that what was created comes before what was changed, in every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// People who are grown up by then.
    Births,
    /// 2024 and 2025.
    First,
    /// The first half of 2026.
    Middle,
    /// From then to the end of 2027.
    Last,
}

impl Span {
    /// Its first second since 1970, and how many seconds it has.
    pub(super) const fn seconds(self) -> (i64, u64) {
        match self {
            Span::Births => (-631_152_000, 1_767_225_600),
            Span::First => (1_704_067_200, 63_158_400),
            Span::Middle => (1_767_225_600, 15_638_400),
            Span::Last => (1_782_864_000, 47_433_600),
        }
    }
}
