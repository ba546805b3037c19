//! Names of columns whose values are texts.

use crate::data::values::realistic::kind::Kind;
use crate::data::values::realistic::names::column_name::ColumnName;
use crate::data::values::realistic::names::vocabulary::{
    ADDRESS_QUALIFIERS, COMPANIES, DISQUALIFIERS, FILES, GOODS, PEOPLE, PLACES, SETTINGS, TECHNICAL,
};

impl ColumnName {
    pub(super) fn text(&self, limit: Option<usize>) -> Option<Kind> {
        if self.ends_with("json") {
            return Some(Kind::Json);
        }
        if self.is_qualified(DISQUALIFIERS) {
            return None;
        }
        if self.ends_with("name") {
            return self.name();
        }
        self.network()
            .or_else(|| self.place(limit))
            .or_else(|| self.file())
            .or_else(|| self.code())
            .or_else(|| self.prose())
    }

    /// Returns the kind of a column that ends in `name`, by the word before.
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
        match self.qualifier() {
            "" if SETTINGS.contains(&self.table.as_str()) => Some(Kind::KeyName),
            "" if TECHNICAL.contains(&self.table.as_str()) => None,
            "" => of(&self.table).or(Some(Kind::Label)),
            "user" => Some(Kind::Username),
            "display" if self.is_of_table(PEOPLE) => Some(Kind::FullName),
            "display" => Some(Kind::Label),
            qualifier => of(qualifier),
        }
    }

    /// Returns the kind of an address of a person or machine on a network.
    fn network(&self) -> Option<Kind> {
        if self.ends_with_any(&["email", "email address"]) {
            return Some(Kind::Email);
        }
        if self.ends_with("user agent") {
            return Some(Kind::UserAgent);
        }
        if self.is_any(&["login", "handle"]) && self.is_of_table(PEOPLE) {
            return Some(Kind::Username);
        }
        if self.ends_with_any(&["ip 6", "ipv 6"]) {
            return Some(Kind::Ipv6);
        }
        if self.ends_with_any(&["ip", "ip address", "ip 4", "ipv 4"]) {
            return Some(Kind::Ip);
        }
        if self.ends_with("mac address") || self.is("mac") && self.is_of_table(&["device", "host", "interface"]) {
            return Some(Kind::Mac);
        }
        let picture = ["avatar", "image", "photo", "picture", "thumbnail", "logo", "icon"];
        if self.is("avatar") || (self.ends_with_any(&["url", "uri"]) && picture.contains(&self.qualifier())) {
            return Some(Kind::ImageUrl);
        }
        if self.ends_with_any(&["url", "website", "homepage", "permalink"])
            || self.ends_with("uri") && self.words.len() > 1
        {
            return Some(Kind::Url);
        }
        if self.ends_with_any(&["host", "domain", "fqdn"]) {
            return Some(Kind::Host);
        }
        if self.ends_with_any(&["phone", "phone number", "mobile number", "fax", "fax number"]) || self.is("mobile") {
            return Some(Kind::Phone);
        }
        self.ends_with("slug").then_some(Kind::Slug)
    }

    fn place(&self, limit: Option<usize>) -> Option<Kind> {
        let two_letters = limit.is_some_and(|limit| limit < 4);
        if self.ends_with("country code") || (self.ends_with("country") && two_letters) {
            return Some(Kind::CountryCode);
        }
        if self.ends_with("country") {
            return Some(Kind::Country);
        }
        if self.ends_with("city") && !self.is_qualified(&["home", "away"]) {
            return Some(Kind::City);
        }
        if self.ends_with_any(&["postal code", "zip code"])
            || self.is("zip")
            || self.ends_with("zip") && self.in_an_address()
        {
            return Some(Kind::PostalCode);
        }
        if self.ends_with("state code") && self.in_an_address() {
            return Some(Kind::StateCode);
        }
        // The state of an order is not a place.
        let located =
            self.is_qualified(ADDRESS_QUALIFIERS) || self.is_of_table(&["address", "customer", "employee", "location"]);
        if self.ends_with_any(&["state", "province"]) && located {
            return Some(if two_letters { Kind::StateCode } else { Kind::State });
        }
        if self.ends_with_any(&["street", "street address", "address line"])
            || (self.is("line") && self.is_of_table(&["address"]))
            || (self.ends_with("address")
                && self.words.len() < 3
                && (self.is("address") || self.is_qualified(ADDRESS_QUALIFIERS)))
                && self.in_an_address()
                && self.table_words.iter().all(|word| !matches!(word.as_str(), "wallet" | "node" | "network"))
        {
            return Some(Kind::Street);
        }
        None
    }

    fn in_an_address(&self) -> bool {
        self.is_of_table(PLACES) || self.is_qualified(ADDRESS_QUALIFIERS) || self.is_qualified(&["address"])
    }

    fn file(&self) -> Option<Kind> {
        if self.ends_with_any(&["mime", "mime type", "media type"]) || self.is("content type") {
            return Some(Kind::Mime);
        }
        if self.is("path") || self.ends_with_any(&["file path", "image path"]) {
            return Some(Kind::Path);
        }
        self.ends_with_any(&["file extension", "extension"]).then_some(Kind::Extension)
    }

    /// Returns the kind of a short text with a fixed form.
    fn code(&self) -> Option<Kind> {
        let kind = if self.ends_with("iban") {
            Kind::Iban
        } else if self.ends_with_any(&["color", "colour"]) && !self.is_qualified(&["hair", "eye", "skin"]) {
            Kind::Color
        } else if self.ends_with_any(&["currency", "currency code"]) {
            Kind::Currency
        } else if self.is_any(&["language", "lang", "language code", "locale"]) {
            Kind::Language
        } else if self.ends_with_any(&["time zone", "tz"]) {
            Kind::TimeZone
        } else if self.is("version") || self.ends_with_any(&["app version", "application version", "client version"]) {
            Kind::Version
        } else if self.ends_with("sku") {
            Kind::Sku
        } else {
            return None;
        };
        Some(kind)
    }

    fn prose(&self) -> Option<Kind> {
        if self.ends_with_any(&["job title", "profession", "occupation"]) {
            return Some(Kind::Job);
        }
        if self.is("company") {
            return Some(Kind::Company);
        }
        if self.ends_with("title") {
            // A person's title is `Dr` for some and `Head of Sales` for others.
            let job = self.is_of_table(&["employee", "staff"]);
            return if job { Some(Kind::Job) } else { (!self.is_of_table(PEOPLE)).then_some(Kind::Title) };
        }
        if self.ends_with_any(&["headline", "heading"])
            || self.is("subject") && self.is_of_table(&["email", "message", "ticket"])
        {
            return Some(Kind::Title);
        }
        if self.ends_with_any(&[
            "description",
            "summary",
            "comment",
            "note",
            "notes",
            "remark",
            "remarks",
            "bio",
            "caption",
        ]) || self.ends_with_any(&["excerpt", "feedback", "memo"])
            || self.is("message")
        {
            return Some(Kind::Sentence);
        }
        if self.is_any(&["body", "content", "body text"]) && !self.is_of_table(&["event", "request", "response"]) {
            return Some(Kind::Paragraph);
        }
        self.is_any(&["payload", "metadata", "data", "preferences", "properties", "attributes"]).then_some(Kind::Json)
    }
}
