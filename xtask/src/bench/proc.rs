//! CPU time and memory of a process, as the kernel counts them (`proc(5)`).

use crate::Result;

/// The unit of the times in `/proc/PID/stat`: 100 a second on every Linux that has not been
/// rebuilt for another (`getconf CLK_TCK`).
const TICK_US: f64 = 10_000.0;

/// CPU time in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// In the program.
    pub user_us: f64,
    /// In the kernel.
    pub system_us: f64,
}

impl Cpu {
    /// What a process has used so far.
    pub fn of(pid: u32) -> Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The program's name stands in parentheses and may hold anything.
        let rest = text.rsplit_once(')').ok_or("/proc/PID/stat has no name")?.1;
        let mut fields = rest.split_ascii_whitespace().skip(11);
        let mut next = || -> Result<f64> {
            Ok(fields.next().ok_or("/proc/PID/stat is short")?.parse::<f64>()? * TICK_US)
        };
        Ok(Self { user_us: next()?, system_us: next()? })
    }

    /// What was used since an earlier look.
    pub fn since(self, earlier: Self) -> Self {
        Self { user_us: self.user_us - earlier.user_us, system_us: self.system_us - earlier.system_us }
    }

    /// The sum of two.
    pub fn and(self, more: Self) -> Self {
        Self { user_us: self.user_us + more.user_us, system_us: self.system_us + more.system_us }
    }

    /// The share of each of `count` fires.
    pub fn per(self, count: u64) -> Self {
        let count = count.max(1) as f64;
        Self { user_us: self.user_us / count, system_us: self.system_us / count }
    }

    /// Program and kernel together.
    pub fn total(self) -> f64 {
        self.user_us + self.system_us
    }
}

impl std::fmt::Display for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} µs ({:.1} user, {:.1} system)", self.total(), self.user_us, self.system_us)
    }
}

/// A process's resident memory now and at its peak, in MiB.
pub fn resident_mib(pid: u32) -> Result<(f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Result<f64> {
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).ok_or("/proc/PID/status lacks a field")?;
        let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
        Ok(number.parse::<f64>()? / 1024.0)
    };
    Ok((field("VmRSS")?, field("VmHWM")?))
}

/// Resets the peak of a process to its memory now.
pub fn reset_peak(pid: u32) -> Result<()> {
    Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}
