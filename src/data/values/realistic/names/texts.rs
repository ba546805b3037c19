//! Names of what is stored as text.

use super::{COMPANIES, FILES, GOODS, NOT_ITSELF, Name, PEOPLE};
use crate::data::values::realistic::kind::Kind;

/// Tables that hold names for the app, not for people to read.
const SETTINGS: &[&str] = &[
    "attribute",
    "config",
    "configuration",
    "feature",
    "flag",
    "kv",
    "option",
    "param",
    "parameter",
    "permission",
    "preference",
    "property",
    "setting",
];
/// Tables whose names are the schema's or the app's own words.
const TECHNICAL: &[&str] = &[
    "class",
    "column",
    "event",
    "function",
    "index",
    "job",
    "key",
    "locale",
    "migration",
    "model",
    "queue",
    "schema",
    "script",
    "sequence",
    "table",
    "task",
    "trigger",
    "type",
];
/// What has a street, a city and a state.
const PLACES: &[&str] = &[
    "address",
    "branch",
    "customer",
    "employee",
    "hotel",
    "invoice",
    "location",
    "office",
    "order",
    "patient",
    "person",
    "restaurant",
    "school",
    "shipment",
    "shop",
    "store",
    "venue",
    "warehouse",
];
const ADDRESS_QUALIFIERS: &[&str] =
    &["billing", "delivery", "home", "mailing", "office", "postal", "shipping", "street"];

impl Name {
    pub(super) fn text(&self, limit: Option<usize>) -> Option<Kind> {
        if self.ends("json") {
            return Some(Kind::Json);
        }
        if self.qualified(NOT_ITSELF) {
            return None;
        }
        if self.ends("name") {
            return self.name();
        }
        self.network()
            .or_else(|| self.place(limit))
            .or_else(|| self.file())
            .or_else(|| self.code())
            .or_else(|| self.prose())
    }

    /// `name`, and what stands before it.
    fn name(&self) -> Option<Kind> {
        let of = |word: &str| {
            let is = |list: &[&str]| list.contains(&word);
            Some(match word {
                "first" | "given" | "middle" => Kind::FirstName,
                "last" | "family" | "maiden" => Kind::LastName,
                "full" | "legal" | "holder" | "billing" | "shipping" | "cardholder" => Kind::FullName,
                "login" | "screen" | "account" => Kind::Username,
                "nick" => Kind::FirstName,
                "host" | "domain" | "server" => Kind::Host,
                "city" | "town" => Kind::City,
                "country" => Kind::Country,
                "state" | "province" => Kind::State,
                "street" => Kind::Street,
                "category" | "channel" | "collection" | "course" | "group" | "playlist" | "project" | "room"
                | "space" | "tag" | "team" | "topic" | "track" | "album" | "genre" => Kind::Label,
                _ if is(PEOPLE) => Kind::FullName,
                _ if is(COMPANIES) => Kind::Company,
                _ if is(GOODS) => Kind::Product,
                _ if is(FILES) => Kind::FileName,
                _ => return None,
            })
        };
        match self.before() {
            "" if SETTINGS.contains(&self.table.as_str()) => Some(Kind::KeyName),
            "" if TECHNICAL.contains(&self.table.as_str()) => None,
            "" => of(&self.table).or(Some(Kind::Label)),
            "user" => Some(Kind::Username),
            "display" if self.of_table(PEOPLE) => Some(Kind::FullName),
            "display" => Some(Kind::Label),
            qualifier => of(qualifier),
        }
    }

    /// What the net knows people and machines by.
    fn network(&self) -> Option<Kind> {
        if self.ends_any(&["email", "email address"]) {
            return Some(Kind::Email);
        }
        if self.ends("user agent") {
            return Some(Kind::UserAgent);
        }
        if self.only_any(&["login", "handle"]) && self.of_table(PEOPLE) {
            return Some(Kind::Username);
        }
        if self.ends_any(&["ip 6", "ipv 6"]) {
            return Some(Kind::Ipv6);
        }
        if self.ends_any(&["ip", "ip address", "ip 4", "ipv 4"]) {
            return Some(Kind::Ip);
        }
        if self.ends("mac address") || self.only("mac") && self.of_table(&["device", "host", "interface"]) {
            return Some(Kind::Mac);
        }
        let picture = ["avatar", "image", "photo", "picture", "thumbnail", "logo", "icon"];
        if self.only("avatar") || (self.ends_any(&["url", "uri"]) && picture.contains(&self.before())) {
            return Some(Kind::ImageUrl);
        }
        if self.ends_any(&["url", "website", "homepage", "permalink"]) || self.ends("uri") && self.words.len() > 1 {
            return Some(Kind::Url);
        }
        if self.ends_any(&["host", "domain", "fqdn"]) {
            return Some(Kind::Host);
        }
        if self.ends_any(&["phone", "phone number", "mobile number", "fax", "fax number"]) || self.only("mobile") {
            return Some(Kind::Phone);
        }
        self.ends("slug").then_some(Kind::Slug)
    }

    fn place(&self, limit: Option<usize>) -> Option<Kind> {
        let two_letters = limit.is_some_and(|limit| limit < 4);
        if self.ends("country code") || (self.ends("country") && two_letters) {
            return Some(Kind::CountryCode);
        }
        if self.ends("country") {
            return Some(Kind::Country);
        }
        if self.ends("city") && !self.qualified(&["home", "away"]) {
            return Some(Kind::City);
        }
        if self.ends_any(&["postal code", "zip code"]) || self.only("zip") || self.ends("zip") && self.in_an_address() {
            return Some(Kind::PostalCode);
        }
        if self.ends("state code") && self.in_an_address() {
            return Some(Kind::StateCode);
        }
        // The state of an order is another state.
        let located =
            self.qualified(ADDRESS_QUALIFIERS) || self.of_table(&["address", "customer", "employee", "location"]);
        if self.ends_any(&["state", "province"]) && located {
            return Some(if two_letters { Kind::StateCode } else { Kind::State });
        }
        if self.ends_any(&["street", "street address", "address line"])
            || (self.only("line") && self.of_table(&["address"]))
            || (self.ends("address")
                && self.words.len() < 3
                && (self.only("address") || self.qualified(ADDRESS_QUALIFIERS)))
                && self.in_an_address()
                && self.table_words.iter().all(|word| !matches!(word.as_str(), "wallet" | "node" | "network"))
        {
            return Some(Kind::Street);
        }
        None
    }

    fn in_an_address(&self) -> bool {
        self.of_table(PLACES) || self.qualified(ADDRESS_QUALIFIERS) || self.qualified(&["address"])
    }

    fn file(&self) -> Option<Kind> {
        if self.ends_any(&["mime", "mime type", "media type"]) || self.only("content type") {
            return Some(Kind::Mime);
        }
        if self.only("path") || self.ends_any(&["file path", "image path"]) {
            return Some(Kind::Path);
        }
        self.ends_any(&["file extension", "extension"]).then_some(Kind::Extension)
    }

    /// Short texts with a form of their own.
    fn code(&self) -> Option<Kind> {
        let kind = if self.ends("iban") {
            Kind::Iban
        } else if self.ends_any(&["color", "colour"]) && !self.qualified(&["hair", "eye", "skin"]) {
            Kind::Color
        } else if self.ends_any(&["currency", "currency code"]) {
            Kind::Currency
        } else if self.only_any(&["language", "lang", "language code", "locale"]) {
            Kind::Language
        } else if self.ends_any(&["time zone", "tz"]) {
            Kind::TimeZone
        } else if self.only("version") || self.ends_any(&["app version", "application version", "client version"]) {
            Kind::Version
        } else if self.ends("sku") {
            Kind::Sku
        } else {
            return None;
        };
        Some(kind)
    }

    fn prose(&self) -> Option<Kind> {
        if self.ends_any(&["job title", "profession", "occupation"]) {
            return Some(Kind::Job);
        }
        if self.only("company") {
            return Some(Kind::Company);
        }
        if self.ends("title") {
            // A person's title is `Dr` for some and `Head of Sales` for others.
            let job = self.of_table(&["employee", "staff"]);
            return if job { Some(Kind::Job) } else { (!self.of_table(PEOPLE)).then_some(Kind::Title) };
        }
        if self.ends_any(&["headline", "heading"])
            || self.only("subject") && self.of_table(&["email", "message", "ticket"])
        {
            return Some(Kind::Title);
        }
        if self.ends_any(&["description", "summary", "comment", "note", "notes", "remark", "remarks", "bio", "caption"])
            || self.ends_any(&["excerpt", "feedback", "memo"])
            || self.only("message")
        {
            return Some(Kind::Sentence);
        }
        if self.only_any(&["body", "content", "body text"]) && !self.of_table(&["event", "request", "response"]) {
            return Some(Kind::Paragraph);
        }
        self.only_any(&["payload", "metadata", "data", "preferences", "properties", "attributes"]).then_some(Kind::Json)
    }
}
