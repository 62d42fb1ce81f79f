//! The printed result: a Markdown table that can be pasted as it is.

/// The figures of one benchmark.
#[derive(Default)]
pub struct Table {
    title: String,
    rows: Vec<[String; 6]>,
    missed: usize,
}

const HEAD: [&str; 6] = ["measure", "chronos", "reference", "ratio", "target", ""];

impl Table {
    /// Makes an empty table.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a figure without reference and target.
    pub fn tell(
        &mut self,
        measure: impl Into<String>,
        result: impl Into<String>,
        reference: impl Into<String>,
    ) {
        let row = [measure.into(), result.into(), reference.into()];
        let [measure, result, reference] = row;
        self.rows.push([measure, result, reference, String::new(), String::new(), String::new()]);
    }

    /// Adds a figure with its reference, but without a target.
    pub fn compare(&mut self, row: Row) {
        self.rows.push([row.measure, row.result, row.reference, row.ratio, row.target, String::new()]);
    }

    /// Adds a figure that has a target.
    pub fn judge(&mut self, row: Row) {
        let verdict = if row.passed { "pass" } else { "MISSED" };
        self.missed += usize::from(!row.passed);
        self.rows.push([row.measure, row.result, row.reference, row.ratio, row.target, verdict.into()]);
    }

    /// Whether all targets were met.
    pub fn passed(&self) -> bool {
        self.missed == 0
    }

    /// Prints the table.
    pub fn print(&self) {
        let head = HEAD.map(str::to_owned);
        let mut widths = [0; 6];
        for row in std::iter::once(&head).chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |row: &[String; 6]| {
            let cells = row.iter().zip(widths);
            let cells: Vec<String> = cells.map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("| {} |", cells.join(" | "));
        };
        println!("\n{}\n", self.title);
        line(&head);
        line(&widths.map(|width| "-".repeat(width)));
        self.rows.iter().for_each(line);
        println!();
    }
}

/// A figure that has a target.
#[derive(Default)]
pub struct Row {
    /// What was measured.
    pub measure: String,
    /// The figure of Chronos.
    pub result: String,
    /// The reference: what the machine can do.
    pub reference: String,
    /// Result against reference.
    pub ratio: String,
    /// The target.
    pub target: String,
    /// Whether it was met.
    pub passed: bool,
}

/// Microseconds as milliseconds.
pub fn ms(us: i64) -> String {
    format!("{:.2} ms", us as f64 / 1e3)
}

/// The least and the most of some microseconds, as milliseconds.
pub fn ms_from_to(of: &[i64]) -> String {
    let (least, most) = (of.iter().min().copied(), of.iter().max().copied());
    format!("{} to {}", ms(least.unwrap_or_default()), ms(most.unwrap_or_default()))
}
