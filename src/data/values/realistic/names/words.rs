//! The words of a name in any spelling: `user_email`, `userEmail`, `UserEMail`, `E_MAIL`.

/// Words that are often written as one.
const JOINED: [(&str, &[&str]); 46] = [
    ("emailaddress", &["email", "address"]),
    ("firstname", &["first", "name"]),
    ("forename", &["first", "name"]),
    ("givenname", &["first", "name"]),
    ("lastname", &["last", "name"]),
    ("surname", &["last", "name"]),
    ("familyname", &["last", "name"]),
    ("fullname", &["full", "name"]),
    ("displayname", &["display", "name"]),
    ("nickname", &["nick", "name"]),
    ("username", &["user", "name"]),
    ("filename", &["file", "name"]),
    ("filepath", &["file", "path"]),
    ("filesize", &["file", "size"]),
    ("hostname", &["host", "name"]),
    ("domainname", &["domain", "name"]),
    ("companyname", &["company", "name"]),
    ("productname", &["product", "name"]),
    ("phonenumber", &["phone", "number"]),
    ("telephone", &["phone"]),
    ("cellphone", &["phone"]),
    ("zipcode", &["zip", "code"]),
    ("postcode", &["postal", "code"]),
    ("postalcode", &["postal", "code"]),
    ("countrycode", &["country", "code"]),
    ("ipaddress", &["ip", "address"]),
    ("ipaddr", &["ip", "address"]),
    ("macaddress", &["mac", "address"]),
    ("useragent", &["user", "agent"]),
    ("mimetype", &["mime", "type"]),
    ("mediatype", &["media", "type"]),
    ("contenttype", &["content", "type"]),
    ("timezone", &["time", "zone"]),
    ("datetime", &["timestamp"]),
    ("createdat", &["created", "at"]),
    ("updatedat", &["updated", "at"]),
    ("deletedat", &["deleted", "at"]),
    ("expiresat", &["expires", "at"]),
    ("birthdate", &["birth", "date"]),
    ("birthday", &["birth", "date"]),
    ("passwordhash", &["password", "hash"]),
    ("qty", &["quantity"]),
    ("lng", &["longitude"]),
    ("lon", &["longitude"]),
    ("lat", &["latitude"]),
    ("addr", &["address"]),
];

/// Returns the words of a name in lower case. A number is a word.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (at, &letter) in letters.iter().enumerate() {
        if is_start(&letters, at) {
            close(&mut words, &mut word);
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    close(&mut words, &mut word);
    // `eMail` and `E_MAIL` are one word.
    if let Some(at) = words.windows(2).position(|two| two == ["e", "mail"]) {
        words.splice(at..at + 2, ["email".to_owned()]);
    }
    words
}

/// Returns true if a word ends before the character at `at`: at a character that is no letter or digit, at a capital behind a
/// lower-case letter (`userEmail`), at the last of several capitals (`HTMLBody`), between letters and digits (`address1`).
fn is_start(letters: &[char], at: usize) -> bool {
    let letter = letters[at];
    let Some(before) = at.checked_sub(1).map(|before| letters[before]) else { return false };
    if !letter.is_alphanumeric() || !before.is_alphanumeric() || letter.is_numeric() != before.is_numeric() {
        return true;
    }
    let is_lowercase_next = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
    letter.is_uppercase() && (before.is_lowercase() || is_lowercase_next)
}

fn close(words: &mut Vec<String>, word: &mut String) {
    if word.is_empty() {
        return;
    }
    let word = std::mem::take(word);
    match JOINED.iter().find(|(joined, _)| *joined == word) {
        Some((_, apart)) => words.extend(apart.iter().map(|word| (*word).to_owned())),
        None => words.push(word),
    }
}

/// Returns the last word of a table's name in the singular: `person` for `people`, `category` for `shop_categories`.
pub(super) fn singular(words: &[String]) -> String {
    let Some(word) = words.iter().rev().find(|word| !word.chars().all(char::is_numeric)) else { return String::new() };
    match word.as_str() {
        "people" => return "person".to_owned(),
        "staff" => return "employee".to_owned(),
        "media" | "status" | "address" | "business" | "sms" | "dns" | "alias" | "series" | "news" => {
            return word.clone();
        }
        _ => {}
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "xes", "ches", "shes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}
