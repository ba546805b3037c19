//! The kinds that names get, and the look of their values.

mod names;
mod values;

use rusqlite::Connection;

use super::{Generator, Locale};
use crate::schema::{Column, Schema};

const LOCALES: [Locale; 14] = [
    Locale::En,
    Locale::Ar,
    Locale::Cy,
    Locale::De,
    Locale::Fa,
    Locale::Fr,
    Locale::It,
    Locale::Ja,
    Locale::Nl,
    Locale::PtBr,
    Locale::PtPt,
    Locale::Tr,
    Locale::ZhCn,
    Locale::ZhTw,
];

/// A declaration of a column for every kind of value.
const COLUMNS: [&str; 71] = [
    "email TEXT",
    "username TEXT",
    "first_name TEXT",
    "last_name TEXT",
    "name TEXT",
    "company_name TEXT",
    "product_name TEXT",
    "project_name TEXT",
    "phone TEXT",
    "website TEXT",
    "avatar TEXT",
    "host TEXT",
    "slug TEXT",
    "billing_address TEXT",
    "city TEXT",
    "billing_state TEXT",
    "billing_state_code TEXT",
    "country TEXT",
    "country_code TEXT",
    "postal_code TEXT",
    "iban TEXT",
    "currency TEXT",
    "language TEXT",
    "time_zone TEXT",
    "color TEXT",
    "sku TEXT",
    "version TEXT",
    "ip TEXT",
    "ipv6 TEXT",
    "mac_address TEXT",
    "user_agent TEXT",
    "mime_type TEXT",
    "file_name TEXT",
    "path TEXT",
    "extension TEXT",
    "job_title TEXT",
    "page_title TEXT",
    "description TEXT",
    "body TEXT",
    "metadata TEXT",
    "uuid TEXT",
    "uuid BLOB",
    "uuid UUID",
    "sha1 TEXT",
    "sha256 BLOB",
    "md5 BLOB",
    "token TEXT",
    "password_hash TEXT",
    "password VARCHAR(80)",
    "price REAL",
    "price TEXT",
    "price DECIMAL(10,2)",
    "price_cents INTEGER",
    "quantity INTEGER",
    "latitude REAL",
    "longitude TEXT",
    "created_at TEXT",
    "created_at TIMESTAMP",
    "updated_at INTEGER",
    "expires_at_ms INTEGER",
    "seen_at_ns INTEGER",
    "created_at REAL",
    "created_at_julian REAL",
    "born_on DATE",
    "due_date TEXT",
    "opens TIME",
    "is_admin BOOLEAN",
    "status TEXT",
    "sync_enabled TEXT",
    "response_status_code INTEGER",
    "email",
];

fn column(table: &str, declaration: &str) -> Column {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&format!("CREATE TABLE \"{table}\"({declaration})")).unwrap();
    Schema::read(&connection).unwrap().tables[0].columns[0].clone()
}

fn generator(table: &str, declaration: &str, locale: Locale) -> Option<Generator> {
    Generator::of(table, &column(table, declaration), false, locale)
}
