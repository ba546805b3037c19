//! The suite as `#[test]`s.

/// Generates a `#[test]` for each test of [`suite`](crate::suite) in the current module, so that `cargo test` shows them by
/// name and runs them in parallel. The second argument sets the options.
///
/// ```
/// use sqlitmus::Template;
///
/// static APP: Template = Template::new("fixtures/formats/sqlx");
///
/// sqlitmus::migration_suite!(APP, |suite| {
///     suite.skip("down_undoes_up", "downs are for developers only")
/// });
/// # fn main() {}
/// ```
///
/// `schema_is_as_reviewed` compares the schema with a snapshot beside the test, as
/// [`assert_schema_snapshot!`](crate::assert_schema_snapshot) does. `cargo insta accept` accepts the first one.
#[macro_export]
macro_rules! migration_suite {
    ($template:expr $(,)?) => {
        $crate::migration_suite!($template, |suite| suite);
    };
    ($template:expr, $options:expr $(,)?) => {
        #[doc(hidden)]
        fn __migration_suite() -> &'static $crate::suite::Suite {
            // An item of a macro hides the caller's item of the same name, and `SUITE` is a likely name for a template.
            static __MIGRATION_SUITE: $crate::suite::__private::OnceCell<$crate::suite::Suite> =
                $crate::suite::__private::OnceCell::new();
            __MIGRATION_SUITE.get_or_init(|| $crate::suite::__private::with($crate::suite::Suite::new(&$template), $options))
        }

        $crate::__migration_tests!(
            history_is_linear
            applies_to_an_empty_database
            stepwise_equals_at_once
            rerun_changes_nothing
            every_version_upgrades_with_data
            every_row_survives
            upgraded_equals_fresh
            shipped_migrations_are_frozen
            down_undoes_up
            failure_leaves_the_previous_version
            survives_power_loss
            concurrent_upgrades
            newer_database_is_refused
            integrity_holds
            lints_clean
        );

        #[test]
        fn schema_is_as_reviewed() {
            $crate::__reviewed_schema!(__migration_suite());
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __migration_tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::suite::__private::check(__migration_suite(), ::std::stringify!($name));
            }
        )*
    };
}

#[doc(hidden)]
#[cfg(feature = "snapshots")]
#[macro_export]
macro_rules! __reviewed_schema {
    ($suite:expr) => {
        if let ::std::option::Option::Some(text) = $crate::suite::__private::reviewed($suite) {
            $crate::__snapshot!(text, "the schema after the last migration");
        }
    };
}

#[doc(hidden)]
#[cfg(not(feature = "snapshots"))]
#[macro_export]
macro_rules! __reviewed_schema {
    ($suite:expr) => {
        $crate::suite::__private::check($suite, "schema_is_as_reviewed");
    };
}

/// Support for the macro. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    use std::io::Write as _;

    use crate::suite::builder::Suite;

    pub use once_cell::sync::OnceCell;

    /// Fixes the type of the closure's argument.
    pub fn with(suite: Suite, options: impl FnOnce(Suite) -> Suite) -> Suite {
        options(suite)
    }

    #[track_caller]
    #[expect(clippy::print_stderr, reason = "a test that found something for review looks like one that passed")]
    pub fn check(suite: &Suite, test: &str) {
        let tested = suite.try_test_and_review(test);
        if let Ok((_, review)) = &tested {
            for finding in review {
                eprintln!("review: {}", crate::report::visible(finding.what()));
            }
            if !review.is_empty() {
                let findings = crate::report::count(review.len(), "finding");
                let shown = crate::db::shown_with();
                note(&format!("{test} passed with {findings} for review, shown by: {shown}"));
            }
        }
        match tested.map(|(skipped, _)| skipped) {
            Ok(None) => {}
            Ok(Some(reason)) => note(&format!("{test} was skipped: {}", crate::report::visible(&reason))),
            Err(error) => panic!("{error}"),
        }
    }

    /// Writes a line to the terminal. Cargo hides what `eprintln!` prints in a test that passes.
    fn note(what: &str) {
        let _ = writeln!(std::io::stderr(), "note: {what}");
    }

    /// Returns the schema to compare with the snapshot, or nothing if the test is skipped.
    #[cfg(feature = "snapshots")]
    #[track_caller]
    pub fn reviewed(suite: &Suite) -> Option<String> {
        crate::error::or_panic(suite.reviewed_schema())
    }
}
