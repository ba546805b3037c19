//! A template that is built again and again.

use super::{Process, text};

#[test]
fn a_const_is_named_on_the_terminal() {
    let output = text(&Process::new("a_template_in_a_const").run());
    for name in ["Template::embedded(..)", "Template::new(\"fixtures/shop/migrations\")", "Template::migrate_to(..)"] {
        let note = format!(
            "note: {name} was built 20 times in this process: keep it in a static, because a const is another template at each \
             use, as a local variable is\n"
        );
        assert_eq!(output.matches(&note).count(), 1, "{output}");
    }
    let output = text(&Process::new("a_template_in_a_static").run());
    assert!(output.contains("1 passed") && !output.contains("was built"), "{output}");
}
