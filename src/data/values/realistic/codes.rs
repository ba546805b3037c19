//! Writes texts of digits and signs in a fixed order: addresses of machines, account numbers, hashes. Texts of a fixed length
//! are put together on the stack and pushed at once.

use crate::data::values::realistic::kind::{Kind, Spec};
use crate::data::values::realistic::parts::{given_or_drawn, phrase, scattered_or_drawn};
use crate::data::values::value_buf::ValueBuf;
use crate::draw::Draw;

/// The number of phone numbers reserved for examples: 555-0100 to 555-0199 in each of 800 area codes.
pub(super) const EXAMPLE_PHONES: u64 = 80_000;
/// The number of IPv4 addresses reserved for examples: three networks of 256.
pub(super) const EXAMPLE_ADDRESSES: u64 = 768;

// The salts show that the hashes are not real.
const ARGON2: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm90LWEtcGFzc3dvcmQ$";
const BCRYPT: &str = "$2b$12$NotARealHashNotARealHa";
pub(super) const ARGON2_LENGTH: usize = ARGON2.len() + 43;
pub(super) const BCRYPT_LENGTH: usize = BCRYPT.len() + 31;

/// An odd number: multiplication by it is a bijection modulo a power of two.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Writes a text of digits and signs in a fixed order.
pub(super) fn code(spec: &Spec, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    match spec.kind {
        Kind::Phone => phone(spec.limit < 15, draw, unique, out),
        Kind::PostalCode => postal_code(spec.lists.postal_code, draw, unique, out),
        Kind::Iban => iban(draw, unique, out),
        Kind::Ip => ip(draw, unique, out),
        Kind::Ipv6 => ipv6(chosen(draw, unique), out),
        Kind::Mac => {
            let d = hexadecimal(chosen(draw, unique) & 0xff_ffff_ffff);
            // The bit with value 2 in the first byte marks an address that no manufacturer assigned.
            #[rustfmt::skip]
            out.push_bytes(&[
                b'0', b'2', b':', d[6], d[7], b':', d[8], d[9], b':', d[10], d[11], b':', d[12], d[13], b':', d[14], d[15],
            ]);
        }
        Kind::Color => {
            let digits = hexadecimal(chosen(draw, unique) & 0xff_ffff);
            out.push_ascii(b'#');
            out.push_bytes(&digits[10..]);
        }
        Kind::Argon2 => {
            out.push_str(ARGON2);
            // Hexadecimal digits are valid in base 64.
            push_digits(43, draw, unique, out);
        }
        Kind::Bcrypt => {
            out.push_str(BCRYPT);
            push_digits(31, draw, unique, out);
        }
        Kind::Json => {
            out.push_str("{\"id\": ");
            let id = match unique {
                Some(number) => number,
                None => 1 + draw.below(9999),
            };
            out.push_number(id, 1);
            out.push_str(", \"name\": \"");
            phrase(" ", draw, out);
            out.push_str(if draw.percent(50) { "\", \"active\": true}" } else { "\", \"active\": false}" });
        }
        Kind::Sku => {
            let choice = draw.next();
            let letters =
                [b'A' + (choice % 26) as u8, b'A' + (choice / 26 % 26) as u8, b'A' + (choice / 676 % 26) as u8, b'-'];
            out.push_bytes(&letters);
            match unique {
                Some(number) => out.push_number(number, 5.min(spec.limit - 4)),
                None => out.push_number(draw.below(100_000), 5),
            }
        }
        Kind::Version => {
            out.push_number(draw.below(5), 1);
            out.push_ascii(b'.');
            out.push_number(draw.below(10), 1);
            out.push_ascii(b'.');
            out.push_number(given_or_drawn(draw, unique, 20), 1);
        }
        // `write` writes all other kinds.
        _ => {}
    }
}

fn phone(short: bool, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let number = scattered_or_drawn(draw, unique, EXAMPLE_PHONES);
    if !short {
        out.push_str("+1 ");
    }
    out.push_number(200 + number / 100 % 800, 3);
    out.push_str("-555-01");
    out.push_number(number % 100, 2);
    if number >= EXAMPLE_PHONES {
        out.push_str(" x");
        out.push_number(number / EXAMPLE_PHONES, 1);
    }
}

fn postal_code(pattern: &[u8], draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let mut choice = draw.next();
    let mut number = unique.unwrap_or(choice);
    let mut at = 0;
    while at < pattern.len() {
        out.push_ascii(match pattern[at] {
            b'#' => {
                let digit = b'0' + (number % 10) as u8;
                number /= 10;
                digit
            }
            b'$' => {
                let letter = b'A' + (choice % 26) as u8;
                choice /= 26;
                letter
            }
            other => other,
        });
        at += 1;
    }
    if unique.is_some() && number > 0 {
        out.push_ascii(b'-');
        out.push_number(number, 1);
    }
}

/// Writes a German IBAN of a bank that does not exist.
fn iban(draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let account = given_or_drawn(draw, unique, 10_000_000_000);
    // ISO 13616: the account is followed by D and E as 13 and 14 and by two zeros. The remainder by 97 has to become 1.
    let check = 98 - (account * 1_000_000 + 131_400) % 97;
    out.push_str("DE");
    out.push_number(check, 2);
    out.push_str("00000000");
    out.push_number(account, 10);
}

fn ip(draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    let number = scattered_or_drawn(draw, unique, EXAMPLE_ADDRESSES);
    match number / 256 {
        0 => out.push_str("192.0.2."),
        1 => out.push_str("198.51.100."),
        2 => out.push_str("203.0.113."),
        _ => return ipv6(number.wrapping_mul(ODD), out),
    }
    out.push_number(number % 256, 1);
}

/// Writes an address of the network that RFC 3849 reserves for examples. (Numbers differ in their lower bits first, so all
/// bits are written.)
fn ipv6(number: u64, out: &mut ValueBuf) {
    let digits = hexadecimal(number);
    out.push_str("2001:db8:0:0");
    let mut at = 0;
    while at < 16 {
        out.push_ascii(b':');
        out.push_bytes(&digits[at..at + 4]);
        at += 4;
    }
}

pub(super) fn uuid(blob: bool, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    // RFC 9562: version 4 in the 13th digit, variant 0b10 in the upper bits of the 17th.
    let high = (draw.next() & 0xffff_ffff_ffff_0fff) | 0x4000;
    let low = (chosen(draw, unique) & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    if blob {
        out.start_blob();
        out.push_bytes(&high.to_be_bytes());
        out.push_bytes(&low.to_be_bytes());
        return;
    }
    let (a, b) = (hexadecimal(high), hexadecimal(low));
    out.start_text();
    #[rustfmt::skip] // One line for each half. Copying five slices would cost twice as much.
    out.push_bytes(&[
        a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], b'-', a[8], a[9], a[10], a[11], b'-', a[12], a[13], a[14], a[15],
        b'-', b[0], b[1], b[2], b[3], b'-', b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15],
    ]);
}

pub(super) fn hex(digits: usize, blob: bool, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    if !blob {
        out.start_text();
        return push_digits(digits, draw, unique, out);
    }
    out.start_blob();
    out.push_bytes(&chosen(draw, unique).to_be_bytes());
    let mut left = digits / 2 - 8;
    while left > 0 {
        let bytes = draw.next().to_be_bytes();
        let some = left.min(8);
        out.push_bytes(&bytes[..some]);
        left -= some;
    }
}

/// Appends at least 16 hexadecimal digits. The first 16 differ from number to number.
fn push_digits(digits: usize, draw: &mut Draw, unique: Option<u64>, out: &mut ValueBuf) {
    out.push_bytes(&hexadecimal(chosen(draw, unique)));
    let mut left = digits - 16;
    while left >= 16 {
        out.push_bytes(&hexadecimal(draw.next()));
        left -= 16;
    }
    out.push_bytes(&hexadecimal(draw.next())[..left]);
}

/// Returns all sixteen digits of a number, the highest first.
fn hexadecimal(number: u64) -> [u8; 16] {
    let high = u128::from(eight_digits((number >> 32) as u32));
    ((high << 64) | u128::from(eight_digits(number as u32))).to_be_bytes()
}

/// Returns eight digits at once: in an unoptimized build, a loop would be most of the cost of a hash.
fn eight_digits(number: u32) -> u64 {
    // Move each digit into a byte of its own.
    let mut digits = u64::from(number);
    digits = ((digits << 16) & 0x0000_ffff_0000_0000) | (digits & 0x0000_0000_0000_ffff);
    digits = ((digits << 8) & 0x00ff_0000_00ff_0000) | (digits & 0x0000_00ff_0000_00ff);
    digits = ((digits << 4) & 0x0f00_0f00_0f00_0f00) | (digits & 0x000f_000f_000f_000f);
    // 1 in each byte above nine. The letters begin 39 behind the place where a tenth digit would be.
    let letters = ((digits + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    digits + 0x3030_3030_3030_3030 + letters * 0x27
}

/// Returns a number that looks random: a drawn one, or a bijection of the number of the row, also modulo any power of two.
fn chosen(draw: &mut Draw, unique: Option<u64>) -> u64 {
    match unique {
        Some(number) => number.wrapping_mul(ODD),
        None => draw.next(),
    }
}
