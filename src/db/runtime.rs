//! The app's async runtime, which a template names.

use std::pin::Pin;

use super::template::Template;

impl Template {
    /// Sets the app's async runtime, on which the explorers run its futures, such as those of
    /// [`crash::test_with`](crate::crash::test_with).
    ///
    /// ```ignore
    /// static APP: Template = Template::new("migrations")
    ///     .block_on(|future| tokio::runtime::Runtime::new().unwrap().block_on(future));
    /// ```
    #[must_use]
    pub const fn block_on(mut self, block_on: fn(Pin<Box<dyn Future<Output = ()> + '_>>)) -> Template {
        self.block_on = Some(block_on);
        self
    }
}
