//! Plans that stay the same whatever ANALYZE finds.

mod assertion;
mod cases;
mod chosen;
mod counted;
mod cross_join;
mod failure;

pub use assertion::{assert_plan_stable, try_assert_plan_stable};
