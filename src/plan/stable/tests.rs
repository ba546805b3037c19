use super::chosen::rewritten;

#[test]
fn only_inner_joins_are_rewritten() {
    assert_eq!(
        rewritten("SELECT 'JOIN' FROM a JOIN b ON x LEFT JOIN c inner  join d").as_deref(),
        Some("SELECT 'JOIN' FROM a CROSS JOIN b ON x LEFT JOIN c CROSS JOIN d")
    );
    assert_eq!(rewritten("SELECT 1 FROM a, b LEFT OUTER JOIN c"), None);
}
