//! Whether what is named as a proof is a test.

/// Whether the function is one that the test harness runs, if only where there is a control plane: an attribute that says so stands above it.
pub(crate) fn is_test(source: &str, function: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_it = |line: &str| {
        line.trim_start_matches("async ")
            .strip_prefix("fn ")
            .is_some_and(|rest| rest.strip_prefix(function).is_some_and(|rest| rest.starts_with('(')))
    };
    lines.iter().position(|line| is_it(line)).is_some_and(|at| {
        let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        attributes.clone().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
            && attributes.clone().all(|line| !line.starts_with("#[ignore") || line.contains("cargo xtask test"))
    })
}
