//! The words by which names are understood.

/// Tables of people.
pub(super) const PEOPLE: &[&str] = &[
    "admin", "applicant", "attendee", "author", "buyer", "candidate", "contact", "customer", "doctor", "driver",
    "employee", "friend", "guest", "manager", "member", "owner", "passenger", "patient", "person", "player", "profile",
    "recipient", "seller", "sender", "student", "subscriber", "teacher", "user", "visitor",
];
/// Tables of companies.
pub(super) const COMPANIES: &[&str] = &[
    "agency", "brand", "business", "company", "employer", "manufacturer", "merchant", "organisation", "organization",
    "publisher", "supplier", "vendor",
];
/// Tables of goods.
pub(super) const GOODS: &[&str] = &["article", "good", "item", "merchandise", "product", "variant"];
/// Tables of files.
pub(super) const FILES: &[&str] = &["attachment", "document", "download", "file", "upload"];
/// Words before a word that change its meaning: `send_email` is a switch, `num_total` a number, `hashed_email` a hash.
pub(super) const DISQUALIFIERS: &[&str] = &[
    "allow", "by", "count", "disable", "enable", "encrypted", "has", "hashed", "hide", "is", "masked", "max", "min",
    "no", "notify", "num", "per", "redacted", "require", "requires", "send", "show", "use",
];
/// Tables whose names are read by the app, not by people.
pub(super) const SETTINGS: &[&str] = &[
    "attribute", "config", "configuration", "feature", "flag", "kv", "option", "param", "parameter", "permission",
    "preference", "property", "setting",
];
/// Tables whose names are technical terms of the schema or the app.
pub(super) const TECHNICAL: &[&str] = &[
    "class", "column", "event", "function", "index", "job", "key", "locale", "migration", "model", "queue", "schema",
    "script", "sequence", "table", "task", "trigger", "type",
];
/// Tables of things that have a street, a city and a state.
pub(super) const PLACES: &[&str] = &[
    "address", "branch", "customer", "employee", "hotel", "invoice", "location", "office", "order", "patient", "person",
    "restaurant", "school", "shipment", "shop", "store", "venue", "warehouse",
];
/// Words before `address`, `street` and the like.
pub(super) const ADDRESS_QUALIFIERS: &[&str] = &[
    "billing", "delivery", "home", "mailing", "office", "postal", "shipping", "street",
];
/// Words of times at which something starts.
pub(super) const STARTS: &[&str] = &[
    "created", "creation", "inserted", "added", "registered", "joined", "started", "start", "starts", "begin", "began",
    "begins", "from", "since", "opened", "issued", "placed", "ordered", "order", "requested", "invoice", "hire", "iat",
    "nbf", "signup",
];
/// Words of times at which something ends.
pub(super) const ENDS: &[&str] = &[
    "expiration", "expires", "expiry", "until", "due", "end", "ends", "to", "exp",
];
/// Words of times at which something has ended.
pub(super) const CLOSINGS: &[&str] = &[
    "deleted", "expired", "archived", "revoked", "cancelled", "canceled", "closed", "ended", "invalidated",
    "trashed",
];
/// Last words that do not change what a value is: `email_new`.
pub(super) const VARIANTS: &[&str] = &[
    "new", "old", "primary", "secondary", "backup", "alternate", "alt", "previous", "pending", "original",
];
/// First words of questions, whose answers are flags.
pub(super) const QUESTIONS: &[&str] = &["is", "has", "can", "should", "was"];
/// Last words of flags.
pub(super) const FLAGS: &[&str] = &[
    "enabled", "disabled", "archived", "hidden", "verified", "locked", "favorite", "starred", "pinned", "muted", "blocked",
    "visible", "explicit", "tombstone",
];
/// Words before `currency` of an amount in it: `cash_total_base_currency`.
pub(super) const AMOUNTS: &[&str] = &[
    "total", "amount", "value", "cash", "cost", "balance", "price", "fee", "sum", "basis", "gain", "income", "profit",
];
/// Tables of prices in the course of time.
pub(super) const QUOTES: &[&str] = &[
    "quote", "quotes", "candle", "candles", "candlestick", "candlesticks", "ohlc", "ohlcv", "kline", "klines", "bars",
    "ticker", "tickers", "prices",
];
/// Words before `time` in the name of a point in time.
pub(super) const TIMES: &[&str] = &[
    "created", "updated", "modified", "changed", "deleted", "expires", "expiration", "expiry", "start", "end", "creation",
    "login", "access", "accessed", "signed", "begin",
];
/// Words that are often written as one.
pub(super) const JOINED: &[(&str, &str)] = &[
    ("emailaddress", "email address"), ("firstname", "first name"), ("forename", "first name"),
    ("givenname", "first name"), ("lastname", "last name"), ("surname", "last name"), ("familyname", "last name"),
    ("fullname", "full name"), ("displayname", "display name"), ("nickname", "nick name"), ("username", "user name"),
    ("filename", "file name"), ("filepath", "file path"), ("filesize", "file size"), ("hostname", "host name"),
    ("domainname", "domain name"), ("companyname", "company name"), ("productname", "product name"),
    ("phonenumber", "phone number"), ("telephone", "phone"), ("cellphone", "phone"), ("zipcode", "zip code"),
    ("postcode", "postal code"), ("postalcode", "postal code"), ("countrycode", "country code"),
    ("ipaddress", "ip address"), ("ipaddr", "ip address"), ("macaddress", "mac address"), ("useragent", "user agent"),
    ("mimetype", "mime type"), ("mediatype", "media type"), ("contenttype", "content type"), ("timezone", "time zone"),
    ("datetime", "timestamp"), ("createdat", "created at"), ("updatedat", "updated at"), ("deletedat", "deleted at"),
    ("expiresat", "expires at"), ("birthdate", "birth date"), ("birthday", "birth date"),
    ("passwordhash", "password hash"), ("qty", "quantity"), ("lng", "longitude"), ("lon", "longitude"),
    ("lat", "latitude"), ("addr", "address"),
];
