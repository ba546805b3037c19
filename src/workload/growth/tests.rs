use super::report::Growth;

#[track_caller]
fn check(steps: impl Fn(f64) -> f64, expected: Growth) {
    for sizes in [&[10, 100, 1000][..], &[16, 32, 64], &[5, 50, 500, 1000, 4000]] {
        for overhead in [0.0, 20.0, 300.0] {
            let counted: Vec<u64> = sizes.iter().map(|&n| (overhead + steps(n as f64)).round() as u64).collect();
            assert_eq!(Growth::of(sizes, &counted), expected, "{sizes:?} {counted:?}");
        }
    }
}

#[test]
fn each_class_is_found_beside_any_constant() {
    check(|_| 17.0, Growth::Constant);
    check(|n| 20.0 * n.log2(), Growth::Logarithmic);
    check(|n| 3.0 * n, Growth::Linear);
    check(|n| 9.0 * n, Growth::Linear);
    check(|n| 9.0 * n * n.log2(), Growth::NLogN);
    check(|n| 4.0 * n * n + 5.0 * n, Growth::Quadratic);
    check(|n| n * n * n, Growth::Steeper);
}

#[test]
fn bounded_and_varying_steps_are_constant() {
    assert_eq!(Growth::of(&[10, 100, 1000], &[90, 240, 240]), Growth::Constant, "a LIMIT of 30");
    assert_eq!(Growth::of(&[10, 100, 1000], &[900, 1010, 905]), Growth::Constant);
    assert_eq!(Growth::of(&[10, 100, 1000], &[1000, 1000, 1009]), Growth::Constant);
    assert_eq!(Growth::of(&[10, 100, 1000], &[0, 0, 0]), Growth::Constant);
}

#[test]
fn late_growth_is_found() {
    assert_eq!(Growth::of(&[10, 100, 1000], &[20, 20, 200]), Growth::Linear);
    assert_eq!(Growth::of(&[10, 100, 1000], &[0, 0, 1000]), Growth::Steeper);
}
