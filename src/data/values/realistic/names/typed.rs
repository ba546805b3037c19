//! Names of columns whose values are numbers, times or bytes.

use crate::data::values::realistic::codes::ARGON2_LENGTH;
use crate::data::values::realistic::kind::{Kind, NumberRange, Period, TimeFormat};
use crate::data::values::realistic::names::column_name::{ColumnName, Rule};
use crate::data::values::realistic::names::vocabulary::{
    AMOUNTS, CLOSINGS, DISQUALIFIERS, ENDS, FLAGS, QUESTIONS, QUOTES, STARTS, TIMES,
};
use crate::data::values::stored_type::StoredType;

/// Ranges that the name alone tells.
const RANGES: &[Rule<NumberRange>] = &[
    (&["latitude"], &[], range(-90_000_000, 90_000_000, 6)),
    (&["longitude"], &[], range(-180_000_000, 180_000_000, 6)),
    (&["quantity", "stock"], &[], range(1, 20, 0)),
    (&["percent", "percentage", "pct"], &[], range(0, 100, 0)),
    (&[], &["age"], range(18, 90, 0)),
    (&["release year", "birth year", "model year", "published year"], &["year"], range(1970, 2026, 0)),
    (&[], &["month"], range(1, 12, 0)),
    (&["port"], &[], range(1024, 65_535, 0)),
    (&["rating", "stars"], &[], range(1, 5, 0)),
    (&["bytes", "file size"], &[], range(1, 10_000_000, 0)),
    (&["weight"], &[], range(10, 50_000, 2)),
    (&["count"], &["views", "likes", "downloads", "votes", "retries", "attempts"], range(0, 100, 0)),
    (&[], &["position", "ordinal", "sort order", "display order"], range(0, 100, 0)),
];

const fn range(low: i64, high: i64, decimals: u8) -> NumberRange {
    NumberRange { low, high, decimals }
}

impl ColumnName {
    /// Returns the kind of a time or date, in the format that the column stores.
    pub(super) fn time(&self, declared: &str, stored_type: StoredType) -> Option<Kind> {
        let period = self.period();
        let unit = self.unit();
        let words = if unit.is_some() { &self.words[..self.words.len() - 1] } else { &self.words[..] };
        let format = match declared {
            "DATETIME" | "TIMESTAMP" | "TIMESTAMPTZ" if stored_type == StoredType::Numeric => TimeFormat::DateTime,
            "DATE" if stored_type == StoredType::Numeric => TimeFormat::Date,
            "TIME" if stored_type == StoredType::Numeric => TimeFormat::TimeOfDay,
            _ if self.is_any(&["julian day", "julian date"]) && stored_type == StoredType::Real => TimeFormat::Julian,
            _ if !is_moment(words) => return None,
            _ => match (stored_type, unit) {
                (StoredType::Integer, Some(unit)) => unit,
                (StoredType::Integer, None) if self.table_words.iter().any(|word| word == "ms" || word == "millis") => {
                    TimeFormat::Milliseconds
                }
                (StoredType::Integer | StoredType::Numeric, None) => TimeFormat::Seconds,
                (StoredType::Real, Some(TimeFormat::Julian)) => TimeFormat::Julian,
                (StoredType::Real, None) if self.words.iter().any(|word| word == "julian") => TimeFormat::Julian,
                (StoredType::Real, None | Some(TimeFormat::Seconds)) => TimeFormat::SecondsReal,
                (StoredType::Text | StoredType::Any, None) if is_date(words) => TimeFormat::Date,
                (StoredType::Text | StoredType::Any, None) => TimeFormat::DateTime,
                _ => return None,
            },
        };
        Some(Kind::Moment(format, period))
    }

    /// Returns the unit of time that the last word names.
    fn unit(&self) -> Option<TimeFormat> {
        if self.words.len() < 2 {
            return None;
        }
        match self.words.last()?.as_str() {
            "ms" | "msec" | "millis" | "milliseconds" => Some(TimeFormat::Milliseconds),
            "us" | "usec" | "micros" | "microseconds" => Some(TimeFormat::Microseconds),
            "ns" | "nsec" | "nanos" | "nanoseconds" => Some(TimeFormat::Nanoseconds),
            "s" | "sec" | "secs" | "seconds" | "unix" | "epoch" => Some(TimeFormat::Seconds),
            "jd" | "julian" => Some(TimeFormat::Julian),
            _ => None,
        }
    }

    /// Returns the period of a time. The start of something is in an earlier period than its end.
    pub(super) fn period(&self) -> Period {
        let has = |list: &[&str]| self.words.iter().any(|word| list.contains(&word.as_str()));
        if has(&["birth", "born", "dob"]) {
            Period::Births
        } else if has(ENDS) {
            Period::Last
        } else if has(CLOSINGS) {
            Period::Closed
        } else if has(STARTS) {
            Period::First
        } else {
            Period::Middle
        }
    }

    pub(super) fn flag(&self, stored_type: StoredType) -> Option<Kind> {
        let first = self.words.first()?.as_str();
        let is_question = self.words.len() > 1 && QUESTIONS.contains(&first) && !self.ends_with_any(&["id", "count"]);
        let is_flag =
            is_question || self.is("active") || self.ends_with_any(FLAGS) && !self.is_qualified(&["last", "num"]);
        match stored_type {
            StoredType::Integer | StoredType::Numeric if is_flag => Some(Kind::Bool),
            StoredType::Text if is_flag => Some(Kind::Flag),
            _ => None,
        }
    }

    /// Returns the kind of a number that stands for a status.
    pub(super) fn status(&self, stored_type: StoredType) -> Option<Kind> {
        if !matches!(stored_type, StoredType::Integer | StoredType::Numeric) {
            return None;
        }
        if self.ends_with_any(&["status code", "http status", "response status", "response code", "http code"]) {
            return Some(Kind::StatusCode);
        }
        (self.ends_with("status") || self.is("state")).then_some(Kind::Number(range(0, 5, 0)))
    }

    pub(super) fn number(&self, stored_type: StoredType) -> Option<Kind> {
        let number = self.quote(stored_type).or_else(|| self.range())?;
        let number = match stored_type {
            StoredType::Integer if number.decimals > 2 => return None,
            StoredType::Integer => NumberRange { decimals: 0, ..number },
            StoredType::Real | StoredType::Numeric => number,
            StoredType::Text | StoredType::Any if number.decimals > 0 => number,
            StoredType::Any => number,
            StoredType::Text | StoredType::Blob => return None,
        };
        Some(Kind::Number(number))
    }

    /// Returns the range of the prices of a day. Without a table of prices, `open` may be a flag or a time.
    fn quote(&self, stored_type: StoredType) -> Option<NumberRange> {
        let is_of_prices = self.table_words.iter().any(|word| QUOTES.contains(&word.as_str()));
        let is_number = matches!(stored_type, StoredType::Real | StoredType::Numeric);
        let is_price =
            self.is_any(&["open", "high", "low", "close", "adjclose", "adj close", "adjusted close", "vwap"]);
        if is_price && (is_of_prices || is_number) || is_of_prices && self.is_any(&["bid", "ask", "last"]) {
            return Some(range(100, 99_999, 2));
        }
        (is_of_prices && self.is("volume")).then_some(range(0, 10_000_000, 2))
    }

    fn range(&self) -> Option<NumberRange> {
        let has_several_words = self.words.len() > 1;
        if has_several_words && self.ends_with_any(&["cents", "pence", "sat", "sats", "msat", "msats"]) {
            return Some(range(100, 99_999, 0));
        }
        let spent = ["duration", "elapsed", "latency", "timeout", "ttl"];
        if self.ends_with_any(&spent) || (self.unit().is_some() && spent.contains(&self.qualifier())) {
            return Some(range(1, 60_000, 0));
        }
        let prices = [
            "price",
            "amount",
            "total",
            "subtotal",
            "cost",
            "cost basis",
            "fee",
            "tax",
            "balance",
            "salary",
            "revenue",
            "market value",
            "book value",
        ];
        if self.ends_with("currency") && self.is_qualified(AMOUNTS) {
            return Some(range(100, 99_999, 2));
        }
        if self.ends_with_any(&prices) {
            // `num_total` is a count, `is_total` a flag.
            return (!self.is_qualified(DISQUALIFIERS)).then_some(range(100, 99_999, 2));
        }
        // The height of a block in a chain is not that of a picture.
        let picture =
            !has_several_words || self.is_qualified(&["image", "photo", "picture", "screen", "thumbnail", "video"]);
        if picture && self.ends_with_any(&["width", "height"]) {
            return Some(range(16, 4096, 0));
        }
        let is_count = has_several_words && self.words[0] == "num";
        self.find(RANGES).or(is_count.then_some(range(0, 100, 0)))
    }

    /// Returns the kind of bytes, which a text holds as hexadecimal digits.
    pub(super) fn bytes(&self, stored_type: StoredType, limit: Option<usize>) -> Option<Kind> {
        if !matches!(stored_type, StoredType::Text | StoredType::Any | StoredType::Blob) {
            return None;
        }
        if self.ends_with_any(&["uuid", "guid", "aaguid"]) {
            return Some(Kind::Uuid);
        }
        if stored_type != StoredType::Blob && limit == Some(36) && self.ends_with_any(&["id", "identifier"]) {
            return Some(Kind::Uuid);
        }
        if self.ends_with_any(&["password", "password hash", "password digest", "passwd"]) {
            // A bcrypt hash has 60 characters. The length of an Argon2 hash depends on its parameters.
            let short = limit.is_some_and(|limit| limit < ARGON2_LENGTH);
            return (stored_type != StoredType::Blob).then_some(if short { Kind::Bcrypt } else { Kind::Argon2 });
        }
        let known = [("md 5", 32), ("sha 1", 40), ("sha", 40), ("sha 256", 64), ("sha 384", 96), ("sha 512", 128)];
        if let Some((_, digits)) = known.iter().find(|(name, _)| self.ends_with(name)) {
            return Some(Kind::Hex(*digits));
        }
        let random = ["hash", "digest", "checksum", "fingerprint", "token", "secret", "nonce", "salt", "api key"];
        if self.ends_with_any(&random)
            && !self.is_qualified(&["is", "has", "num", "count", "next", "prev", "previous", "continuation"])
        {
            let fits = |digits: u8| limit.is_none_or(|limit| usize::from(digits) <= limit);
            return [64, 40, 32].into_iter().find(|digits| fits(*digits)).map(Kind::Hex);
        }
        None
    }
}

/// Returns true if a name without its unit is that of a point in time.
fn is_moment(words: &[String]) -> bool {
    let Some(last) = words.last() else { return false };
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    match last.as_str() {
        "at" => words.len() > 1 && !matches!(before, "look" | "looking" | "arrive" | "good"),
        "time" => TIMES.contains(&before),
        "timestamp" | "ts" | "expiry" | "expires" | "expiration" | "dob" => true,
        "created" | "updated" | "modified" | "inserted" if words.len() == 1 => true,
        "until" | "from" | "to" => before == "valid",
        "seen" | "login" | "used" | "update" | "updated" | "access" | "accessed" | "modified" | "activity"
        | "synced" => before == "last" && words.len() == 2,
        _ => is_date(words),
    }
}

/// Returns true if a name is that of a day.
fn is_date(words: &[String]) -> bool {
    let Some(last) = words.last() else { return false };
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    match last.as_str() {
        "date" | "dob" => true,
        "on" => {
            (before.ends_with("ed") && !matches!(before, "based" | "turned" | "switched" | "need" | "focused"))
                || matches!(before, "due" | "born" | "sent" | "paid" | "starts" | "ends" | "begins" | "expires")
        }
        // `date_joined`, `date_of_birth`
        _ => words[0] == "date" && (before == "of" || (words.len() == 2 && last.ends_with("ed"))),
    }
}
