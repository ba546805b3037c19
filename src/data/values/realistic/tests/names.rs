//! The kinds that names get. Wrong ones are worse than none.

use super::{Locale, generator};

#[track_caller]
fn check(table: &str, declarations: &[&str], expected: &str) {
    for declaration in declarations {
        let kind = generator(table, declaration, Locale::En).map(|generator| format!("{:?}", generator.spec.kind));
        assert_eq!(kind.as_deref().unwrap_or("-"), expected, "{table}.{declaration}");
    }
}

#[test]
fn a_name_is_read_in_every_spelling() {
    let names = ["email TEXT", "user_email TEXT", "emailAddress TEXT", "E_MAIL TEXT", "EMail TEXT", "\"e-mail\" TEXT"];
    check("t", &names, "Email");
    check("t", &["UserEmail TEXT", "email2 TEXT", "email_1 TEXT", "emailaddress TEXT", "EMAIL TEXT"], "Email");
    check("t", &["firstName TEXT", "FIRST_NAME TEXT", "forename TEXT", "firstname TEXT"], "FirstName");
    check("t", &["zipCode TEXT", "postcode TEXT", "postal_code TEXT", "ZIP TEXT"], "PostalCode");
    check("t", &["ipAddress TEXT", "ip_addr TEXT", "remote_ip TEXT", "IP TEXT"], "Ip");
    check("t", &["userAgent TEXT", "useragent TEXT", "USER_AGENT TEXT"], "UserAgent");
}

#[test]
fn a_word_inside_another_word_does_not_count() {
    check("t", &["zip INTEGER", "skip TEXT", "membership TEXT", "trip TEXT", "recipient TEXT"], "-");
    check("t", &["capacity TEXT", "velocity TEXT", "emailer TEXT", "telephonist TEXT"], "-");
    check("t", &["candidate TEXT", "updates TEXT", "latent REAL", "lonely REAL", "format TEXT"], "-");
    check("t", &["island TEXT", "husband TEXT", "unusual_token_kind TEXT", "entitled TEXT"], "-");
}

#[test]
fn the_last_word_decides() {
    check("t", &["email_id TEXT", "email_count TEXT", "email_template TEXT", "emails TEXT"], "-");
    check("t", &["email_verified TEXT"], "Flag");
    check("t", &["color_id TEXT", "country_id TEXT", "url_kind TEXT", "token_type TEXT", "phone_type TEXT"], "-");
    check("t", &["city_population TEXT", "title_id TEXT", "body_type TEXT", "price_list TEXT", "name_kind TEXT"], "-");
    check("t", &["created_by TEXT", "updated_by INTEGER", "expires_in INTEGER", "time_limit INTEGER"], "-");
    check(
        "t",
        &["block_height INTEGER", "hair_color TEXT", "version", "fee_rate REAL", "total_count_kind INTEGER"],
        "-",
    );
    check("t", &["email_verified_at TEXT"], "Moment(DateTime, Middle)");
}

#[test]
fn a_word_before_the_last_one_can_change_its_meaning() {
    check("t", &["encrypted_email TEXT", "no_email TEXT", "send_email TEXT"], "-");
    check("t", &["has_phone TEXT", "is_url TEXT"], "Flag");
    check("t", &["num_total REAL", "max_price REAL", "min_amount INTEGER", "by_cost REAL"], "-");
    check("t", &["is_total INTEGER", "has_price INTEGER"], "Bool");
}

#[test]
fn a_state_or_an_address_needs_a_place() {
    check("orders", &["state TEXT"], "Status");
    check("jobs", &["state TEXT"], "Status");
    check("jobs", &["job_state TEXT", "address TEXT"], "-");
    check("wallets", &["address TEXT"], "-");
    check("wallet_addresses", &["address TEXT"], "-");
    check("nodes", &["address TEXT", "socket_addr TEXT", "worker_addr TEXT", "payment_addr TEXT"], "-");
    check("addresses", &["state TEXT"], "State");
    check("t", &["shipping_state TEXT"], "State");
    check("customers", &["address TEXT"], "Street");
    check("t", &["billing_address TEXT", "street TEXT", "street_address TEXT", "address_line1 TEXT"], "Street");
}

#[test]
fn a_column_called_name_depends_on_its_table() {
    check("users", &["name TEXT"], "FullName");
    check("app_users", &["name TEXT"], "FullName");
    check("people", &["name TEXT"], "FullName");
    check("companies", &["name TEXT"], "Company");
    check("products", &["name TEXT"], "Product");
    check("countries", &["name TEXT"], "Country");
    check("cities", &["name TEXT"], "City");
    check("files", &["name TEXT"], "FileName");
    check("settings", &["name TEXT"], "KeyName");
    check("categories", &["name TEXT"], "Label");
    check("indexes", &["name TEXT"], "-");
    check("tables", &["name TEXT"], "-");
    check("t", &["filename TEXT", "file_name TEXT"], "FileName");
    check("t", &["hostname TEXT"], "Host");
    check("t", &["username TEXT", "user_name TEXT"], "Username");
    check("t", &["table_name TEXT", "event_name TEXT", "key_name TEXT", "queue_name TEXT", "class_name TEXT"], "-");
    check("employees", &["title TEXT"], "Job");
    check("users", &["title TEXT"], "-");
    check("posts", &["title TEXT"], "Title");
}

#[test]
fn columns_that_usually_have_a_check_get_no_kind_except_a_status() {
    let names = ["type TEXT", "kind TEXT", "role TEXT", "level TEXT", "mode TEXT", "scope TEXT", "reason TEXT"];
    check("orders", &names, "-");
    check("orders", &["status TEXT"], "Status");
    check(
        "orders",
        &["gender TEXT", "priority INTEGER", "version INTEGER", "score REAL", "rate REAL", "code TEXT"],
        "-",
    );
}

#[test]
fn a_time_has_the_format_that_the_column_stores() {
    check(
        "t",
        &["created_at TEXT", "createdAt VARCHAR(30)", "created_at", "created_at DATETIME"],
        "Moment(DateTime, First)",
    );
    check(
        "t",
        &["created_at INTEGER", "created_at BIGINT", "created_time INTEGER", "created INT"],
        "Moment(Seconds, First)",
    );
    check("t", &["created_at_ms INTEGER", "createdAtMillis INTEGER"], "Moment(Milliseconds, First)");
    check("events_ms", &["created_at INTEGER"], "Moment(Milliseconds, First)");
    check("t", &["created_at_us INTEGER"], "Moment(Microseconds, First)");
    check("t", &["updated_at REAL", "last_seen REAL"], "Moment(SecondsReal, Middle)");
    check("t", &["updated_at_julian REAL"], "Moment(Julian, Middle)");
    check("t", &["expires_at TIMESTAMP", "valid_until DATETIME"], "Moment(DateTime, Last)");
    check("t", &["deleted_at TIMESTAMP", "revoked DATETIME"], "Moment(DateTime, Closed)");
    check("t", &["due_on TEXT", "end_date TEXT"], "Moment(Date, Last)");
    check("t", &["dob TEXT", "birthday TEXT", "birth_date DATE", "date_of_birth TEXT"], "Moment(Date, Births)");
    check("t", &["date_joined TEXT", "order_date TEXT"], "Moment(Date, First)");
    check("t", &["opens TIME"], "Moment(TimeOfDay, Middle)");
    check("t", &["expires_at BLOB", "created_at VARCHAR(5)", "created_at_ms TEXT"], "-");
}

#[test]
fn names_that_only_sound_like_times_get_no_time() {
    check("t", &["is_on INTEGER"], "Bool");
    check(
        "t",
        &["based_on TEXT", "depends_on TEXT", "turned_on INTEGER", "at INTEGER", "\"on\" INTEGER", "flat INTEGER"],
        "-",
    );
    check("t", &["response_time INTEGER", "total_time_lock INTEGER", "run_time REAL", "time TEXT", "times TEXT"], "-");
    check("t", &["deleted INTEGER", "last_name_seen INTEGER", "last INTEGER", "exp INTEGER", "iat INTEGER"], "-");
    check(
        "t",
        &["duration_ms INTEGER", "timeout_seconds INTEGER"],
        "Number(NumberRange { low: 1, high: 60000, decimals: 0 })",
    );
}

#[test]
fn a_type_that_would_convert_the_values_gets_no_kind() {
    check(
        "t",
        &["email INTEGER", "name REAL", "phone NUMERIC", "zip_code INTEGER", "url BLOB", "description BLOB"],
        "-",
    );
    check(
        "t",
        &["latitude INTEGER", "quantity TEXT", "is_admin BLOB", "price BLOB", "metadata BLOB", "email NUMERIC"],
        "-",
    );
    check("t", &["is_admin TEXT"], "Flag");
    check("t", &["email STRING"], "Email");
    check("t", &["generated_email"], "Email");
}

#[test]
fn a_type_can_decide_alone() {
    check("t", &["x BOOLEAN", "x BOOL"], "Bool");
    check("t", &["x UUID", "subject_id CHAR(36)"], "Uuid");
    check("t", &["x JSON"], "Json");
    check("t", &["x BOOLEAN TEXT", "x TEXT", "x", "x INTEGER", "subject CHAR(36)"], "-");
}

#[test]
fn a_default_of_the_current_time_decides() {
    check("t", &["x TEXT DEFAULT CURRENT_TIMESTAMP", "x TEXT DEFAULT (datetime('now'))"], "Moment(DateTime, Middle)");
    check("t", &["x_from TEXT DEFAULT CURRENT_TIMESTAMP"], "Moment(DateTime, First)");
    check("t", &["x DEFAULT current_date"], "Moment(Date, Middle)");
    check(
        "t",
        &["x INTEGER DEFAULT CURRENT_TIMESTAMP", "x TEXT DEFAULT 'current_timestamp'", "x TEXT DEFAULT ''"],
        "-",
    );
}

#[test]
fn a_hash_has_the_length_of_its_algorithm() {
    check("t", &["md5 TEXT", "file_md5 BLOB", "token VARCHAR(32)", "digest CHAR(39)"], "Hex(32)");
    check("t", &["sha1 TEXT", "git_sha TEXT", "hash CHAR(40)"], "Hex(40)");
    check("t", &["sha256 TEXT", "content_hash BLOB", "token TEXT", "checksum VARCHAR(64)"], "Hex(64)");
    check("t", &["password_hash TEXT", "password TEXT", "password VARCHAR(255)"], "Argon2");
    check("t", &["password VARCHAR(72)"], "Bcrypt");
    check("t", &["password VARCHAR(20)", "hash VARCHAR(20)", "sha256 VARCHAR(40)", "next_token TEXT"], "-");
    check("t", &["token_count TEXT", "hash_kind TEXT", "hashes TEXT", "tokens BLOB"], "-");
}

#[test]
fn a_declared_length_that_is_too_short_gets_no_kind() {
    check("t", &["email VARCHAR(19)", "uuid CHAR(32)", "iban CHAR(20)", "user_agent CHAR(10)", "slug CHAR(4)"], "-");
    check("t", &["email VARCHAR(20)"], "Email");
    check("t", &["country CHAR(2)"], "CountryCode");
}

#[test]
fn a_flag_and_a_status_are_no_plain_words() {
    check(
        "t",
        &["sync_enabled INTEGER", "autoDeleteEnabled INTEGER", "email_verified INT", "tombstone INTEGER"],
        "Bool",
    );
    check("t", &["pushEnabled TEXT", "is_draft TEXT"], "Flag");
    check("t", &["status TEXT", "payment_status TEXT", "state TEXT"], "Status");
    check("t", &["response_status_code INTEGER", "http_status INT", "last_status_code INTEGER"], "StatusCode");
    check("t", &["status INTEGER"], "Number(NumberRange { low: 0, high: 5, decimals: 0 })");
    check("t", &["enabled_at_version TEXT", "last_verified BLOB", "status_id TEXT", "num_locked TEXT"], "-");
}

#[test]
fn prices_and_amounts_are_no_words_and_no_codes() {
    let price = "Number(NumberRange { low: 100, high: 99999, decimals: 2 })";
    check("quotes", &["open TEXT", "high TEXT", "close REAL", "adjclose NUMERIC"], price);
    check("t", &["open REAL", "cash_total_base_currency REAL", "cost_basis NUMERIC"], price);
    check("t", &["cash_total_account_currency TEXT", "market_value REAL"], price);
    check("t", &["base_currency TEXT", "fiat_code TEXT"], "Currency");
    check("t", &["open TEXT", "base_currency REAL", "base_currency INTEGER"], "-");
}

#[test]
fn a_variant_is_of_the_same_kind() {
    check("t", &["email_new TEXT", "email_backup TEXT", "email_primary TEXT"], "Email");
    check("t", &["is_new INTEGER", "is_primary INTEGER"], "Bool");
}
