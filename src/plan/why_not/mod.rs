//! Why an index is not used.
//!
//! ```text
//! texts: views and triggers as statements
//!   -> statement: where the words of the statement have the columns of the index
//!   -> conditions, declaration: what may stand in the way, and the statement or the index without it
//!   -> trial: planned on an empty copy of the tables that the statement names   -> search: the fewest removals that help
//!   -> WhyNot -> render: one line
//! ```
//!
//! A reason is what SQLite says: the statement is planned without the obstacle, and if the index is not used then, the reason
//! is not given. A word that is misread costs a plan. What is offered in place was planned too.

mod conditions;
mod declaration;
mod question;
mod reason;
mod render;
mod search;
mod statement;
mod texts;
mod trial;

pub use reason::{Obstacle, PatternProblem, Reason, Remedy, WhyNot};
pub(super) use search::{of_flagged, of_triggers, why_not};
