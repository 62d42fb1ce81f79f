//! The trend of a series: the line of least squares.

/// How much the line rises by in one unit. None where it takes two instants and there are fewer.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let together: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    (spread > 0.0).then(|| together / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line_through_the_points() {
        let check = |points: &[(f64, f64)], expected: Option<f64>| {
            let found = slope(points);
            let close = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                (found, expected) => found == expected,
            };
            assert!(close, "{points:?}: {found:?}, expected {expected:?}");
        };
        check(&[(4.0, 10.0), (5.0, 12.0), (6.0, 14.0)], Some(2.0));
        check(&[(4.0, 7.0), (5.0, 7.0), (6.0, 7.0)], Some(0.0));
        // Up and down about a line that falls by one.
        check(&[(0.0, 5.0), (1.0, 4.0 + 1.0), (2.0, 3.0 - 1.0), (3.0, 2.0)], Some(-1.2));
        check(&[(4.0, 7.0)], None);
        check(&[], None);
    }
}
