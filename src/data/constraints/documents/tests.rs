use super::{branches, keys};
use crate::data::constraints::expression::parse;
use crate::data::values::domain::Shape;

#[test]
fn paths_are_read_as_far_as_they_are_keys() {
    assert_eq!(keys("$.a").unwrap(), ["a"]);
    assert_eq!(keys("$.a.\"b c\".d").unwrap(), ["a", "b c", "d"]);
    for other in ["$", "a", "$.a[0]", "$[0]", "$.", "$.a..b", "$.\"a"] {
        assert_eq!(keys(other), None, "{other}");
    }
}

#[test]
fn restrictions_of_members_are_those_of_their_document() {
    let names = ["body".to_owned(), "n".to_owned()];
    let text =
        "json_extract(body, '$.a.b') IN ('x', 'y') AND body ->> 'c' > 3 AND body -> 'a' ->> 'b' <> 'x' AND n = 1";
    let found = branches(&parse(text, &names), true, names.len());
    let [branch] = &found[..] else { panic!("{found:?}") };
    assert_eq!(branch.domains.iter().map(|(column, _)| *column).collect::<Vec<_>>(), [1, 0]);
    let Some(Shape::Document(members)) = &branch.domains[1].1.shape else { panic!("{branch:?}") };
    let paths: Vec<String> = members.iter().map(|member| member.path.join("/")).collect();
    assert_eq!(paths, ["a/b", "c"]);
    assert_eq!(members[0].domain.choices.as_deref(), Some(&["y".to_owned().into()][..]));
    assert!(members[1].domain.low.is_some());
}

#[test]
fn a_number_has_both_remainders() {
    let step = |text: &str| branches(&parse(text, &["n".to_owned()]), true, 1)[0].domains[0].1.step;
    assert_eq!(step("n % 4 = 1 AND n % 6 = 3"), Some((12, 9)));
    assert_eq!(step("n % 5 = 2 AND n % 5 = 2"), Some((5, 2)));
    // No number has both: SQLite says so.
    assert_eq!(step("n % 4 = 1 AND n % 6 = 2"), Some((4, 1)));
}
