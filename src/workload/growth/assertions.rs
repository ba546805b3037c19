//! Assertions on growth.

use super::class::Growth;
use super::failure;
use super::report::GrowthReport;
use crate::error::{Result, or_panic};

impl GrowthReport {
    /// Asserts that the steps grow by this class, or by a slower one.
    ///
    /// # Panics
    /// If they grow faster.
    #[track_caller]
    pub fn assert_at_most(&self, most: Growth) -> &Self {
        or_panic(self.try_assert_at_most(most))
    }

    /// Like [`assert_at_most`](GrowthReport::assert_at_most), without the panic.
    ///
    /// # Errors
    /// If they grow faster.
    pub fn try_assert_at_most(&self, most: Growth) -> Result<&Self> {
        if self.growth() <= most { Ok(self) } else { Err(failure::render(self, most)) }
    }
}
