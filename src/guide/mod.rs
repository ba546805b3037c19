//! A guide, one page for each question. It begins with [`first_minutes`].
//!
//! | page | question |
//! | --- | --- |
//! | [`first_minutes`] | How do I get a first test, and a first one that finds something? |
//! | [`which_database`] | In memory, on disk, at an old version, a fork: which one do I want? |
//! | [`coming_from`] | What replaces `open_in_memory`, `#[sqlx::test]`, diesel's test transaction? |
//! | [`own_connections`] | What if the app owns its connection, or migrates when it starts? |
//! | [`production_settings`] | How do tests get production's PRAGMAs, and how do I prove the app's? |
//! | [`migrations`] | How are histories in files and in code tested? |
//! | [`plans`] | Which queries scan, which are repeated, which grow? |
//! | [`data`] | How do I get rows, and the rows that a test is about? |
//! | [`properties`] | How do proptest and constraints come in? |
//! | [`what_if`] | What happens when the power fails, an operation fails, somebody else writes? |
//! | [`sqlx`], [`sea_orm`], [`diesel`], [`pools`] | How does it work with my driver? |
//! | [`ci`] | What do CI, nextest and many machines need? |
//! | [`failures`] | How do I read a failure? |
//! | [`every_failure`] | What does each of them say? |
//! | [`complete_example`] | What does it find in an app from a textbook? |
//! | [`limits`] | What cannot be tested this way? |

#[doc = include_str!("ci.md")]
pub mod ci {}
#[doc = include_str!("coming_from.md")]
pub mod coming_from {}
#[doc = include_str!("complete_example.md")]
pub mod complete_example {}
#[doc = include_str!("data.md")]
pub mod data {}
#[doc = include_str!("diesel.md")]
pub mod diesel {}
#[doc = include_str!("every_failure.md")]
pub mod every_failure {}
#[doc = include_str!("failures.md")]
pub mod failures {}
#[doc = include_str!("first_minutes.md")]
pub mod first_minutes {}
#[doc = include_str!("limits.md")]
pub mod limits {}
#[doc = include_str!("migrations.md")]
pub mod migrations {}
#[doc = include_str!("own_connections.md")]
pub mod own_connections {}
#[doc = include_str!("plans.md")]
pub mod plans {}
#[doc = include_str!("pools.md")]
pub mod pools {}
#[doc = include_str!("production_settings.md")]
pub mod production_settings {}
#[cfg_attr(feature = "property", doc = include_str!("properties.md"))]
#[cfg_attr(
    not(feature = "property"),
    doc = "Rows are strategies of proptest with the feature `property`, which is off by default."
)]
#[doc = include_str!("constraints.md")]
pub mod properties {}
#[doc = include_str!("sea_orm.md")]
pub mod sea_orm {}
#[doc = include_str!("sqlx.md")]
pub mod sqlx {}
#[doc = include_str!("what_if.md")]
pub mod what_if {}
#[doc = include_str!("which_database.md")]
pub mod which_database {}
