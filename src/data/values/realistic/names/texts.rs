//! Names of columns whose values are texts.

use crate::data::values::realistic::kind::Kind;
use crate::data::values::realistic::names::column_name::{ColumnName, Rule};
use crate::data::values::realistic::names::vocabulary::{
    ADDRESS_QUALIFIERS, COMPANIES, DISQUALIFIERS, FILES, GOODS, PEOPLE, PLACES, SETTINGS, TECHNICAL,
};

/// Kinds that the name alone tells.
const TEXTS: &[Rule<Kind>] = &[
    (&["email", "email address"], &[], Kind::Email),
    (&["user agent"], &[], Kind::UserAgent),
    (&["ip 6", "ipv 6"], &[], Kind::Ipv6),
    (&["ip", "ip address", "ip 4", "ipv 4"], &[], Kind::Ip),
    (&["mac address"], &[], Kind::Mac),
    (&["url", "website", "homepage", "permalink"], &[], Kind::Url),
    (&["host", "domain", "fqdn"], &[], Kind::Host),
    (&["phone", "phone number", "mobile number", "fax", "fax number"], &["mobile"], Kind::Phone),
    (&["slug"], &[], Kind::Slug),
    (&["mime", "mime type", "media type"], &["content type"], Kind::Mime),
    (&["file path", "image path"], &["path"], Kind::Path),
    (&["file extension", "extension"], &[], Kind::Extension),
    (&["iban"], &[], Kind::Iban),
    (&["currency", "currency code", "fiat", "fiat code"], &[], Kind::Currency),
    (&[], &["language", "lang", "language code", "locale"], Kind::Language),
    (&["time zone", "tz"], &[], Kind::TimeZone),
    (&["app version", "application version", "client version"], &["version"], Kind::Version),
    (&["sku"], &[], Kind::Sku),
    (&["job title", "profession", "occupation"], &[], Kind::Job),
    (&[], &["company"], Kind::Company),
    (&["headline", "heading"], &[], Kind::Title),
    (&["description", "summary", "comment", "note", "notes", "remark", "remarks"], &[], Kind::Sentence),
    (&["bio", "caption", "excerpt", "feedback", "memo"], &["message"], Kind::Sentence),
    (&[], &["payload", "metadata", "data", "preferences", "properties", "attributes"], Kind::Json),
];

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
        let picture = ["avatar", "image", "photo", "picture", "thumbnail", "logo", "icon"];
        if self.is("avatar") || (self.ends_with_any(&["url", "uri"]) && picture.contains(&self.qualifier())) {
            return Some(Kind::ImageUrl);
        }
        self.find(TEXTS).or_else(|| self.place(limit)).or_else(|| self.text_of_table())
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

    fn place(&self, limit: Option<usize>) -> Option<Kind> {
        let two_letters = limit.is_some_and(|limit| limit < 4);
        // The state of an order is not a place.
        let located =
            self.is_qualified(ADDRESS_QUALIFIERS) || self.is_of_table(&["address", "customer", "employee", "location"]);
        let is_street = self.ends_with_any(&["street", "street address", "address line"])
            || (self.is("line") && self.is_of_table(&["address"]))
            || (self.ends_with("address")
                && self.words.len() < 3
                && (self.is("address") || self.is_qualified(ADDRESS_QUALIFIERS)))
                && self.in_an_address()
                && self.table_words.iter().all(|word| !matches!(word.as_str(), "wallet" | "node" | "network"));
        let kind = if self.ends_with("country code") || (self.ends_with("country") && two_letters) {
            Kind::CountryCode
        } else if self.ends_with("country") {
            Kind::Country
        } else if self.ends_with("city") && !self.is_qualified(&["home", "away"]) {
            Kind::City
        } else if self.ends_with_any(&["postal code", "zip code"])
            || self.is("zip")
            || self.ends_with("zip") && self.in_an_address()
        {
            Kind::PostalCode
        } else if self.ends_with("state code") && self.in_an_address() {
            Kind::StateCode
        } else if self.ends_with_any(&["state", "province"]) && located {
            if two_letters { Kind::StateCode } else { Kind::State }
        } else if is_street {
            Kind::Street
        } else {
            return None;
        };
        Some(kind)
    }

    fn in_an_address(&self) -> bool {
        self.is_of_table(PLACES) || self.is_qualified(ADDRESS_QUALIFIERS) || self.is_qualified(&["address"])
    }

    /// Returns the kind of a text by the last word of its name and by its table.
    fn text_of_table(&self) -> Option<Kind> {
        let is_one_word = self.words.len() == 1;
        let is_of = |tables: &[&str]| self.is_of_table(tables);
        Some(match self.words.last()?.as_str() {
            "uri" if !is_one_word => Kind::Url,
            "color" | "colour" if !self.is_qualified(&["hair", "eye", "skin"]) => Kind::Color,
            // A person's title is `Dr` for some and `Head of Sales` for others.
            "title" if is_of(&["employee", "staff"]) => Kind::Job,
            "title" if !is_of(PEOPLE) => Kind::Title,
            "subject" if is_one_word && is_of(&["email", "message", "ticket"]) => Kind::Title,
            "status" => Kind::Status,
            "state" if is_one_word && !is_of(&["oauth", "auth"]) => Kind::Status,
            "login" | "handle" if is_one_word && is_of(PEOPLE) => Kind::Username,
            "mac" if is_one_word && is_of(&["device", "host", "interface"]) => Kind::Mac,
            _ if self.is_any(&["body", "content", "body text"]) && !is_of(&["event", "request", "response"]) => {
                Kind::Paragraph
            }
            _ => return None,
        })
    }
}
