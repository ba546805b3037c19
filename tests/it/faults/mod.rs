//! Faults: bugs of apps that they find, and the texts of failures and reports.

mod bugs;
mod cancelled;
mod endless;
mod full_text;
mod messages;
mod results;
mod waiting;

use crate::crash::{SHOP, db};
