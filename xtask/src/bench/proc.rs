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
        Ok(Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?)?.1)
    }

    /// What those threads of a process have used so far that have one of these names and are there.
    pub fn of_threads(pid: u32, names: &[&str]) -> Result<Self> {
        let mut sum = Self::default();
        for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            // One that ends meanwhile is not there.
            let Ok(text) = std::fs::read_to_string(thread?.path().join("stat")) else { continue };
            let (found, cpu) = Self::parse(&text)?;
            if names.contains(&found) {
                sum = sum.and(cpu);
            }
        }
        Ok(sum)
    }

    /// Reads a name and its times from `/proc/PID/stat`.
    fn parse(text: &str) -> Result<(&str, Self)> {
        // The name stands in parentheses and may hold anything.
        let (head, rest) = text.rsplit_once(')').ok_or("/proc/PID/stat has no name")?;
        let name = head.split_once('(').ok_or("/proc/PID/stat has no name")?.1;
        let mut fields = rest.split_ascii_whitespace().skip(11);
        let mut next = || -> Result<f64> {
            Ok(fields.next().ok_or("/proc/PID/stat is short")?.parse::<f64>()? * TICK_US)
        };
        Ok((name, Self { user_us: next()?, system_us: next()? }))
    }

    /// What was used since an earlier look.
    pub fn since(self, earlier: Self) -> Self {
        Self { user_us: self.user_us - earlier.user_us, system_us: self.system_us - earlier.system_us }
    }

    /// The same, and no less than nothing.
    pub fn at_least_nothing(self) -> Self {
        Self { user_us: self.user_us.max(0.0), system_us: self.system_us.max(0.0) }
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

/// What a server has used so far, apart by what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// For fires, and for whatever else goes on all the time.
    pub firing: Cpu,
    /// By [`ONCE`].
    pub once: Cpu,
}

/// The threads that go through all jobs of a server once after it has started: for the check of a large state, for
/// the search file, and for the timetable of the coming 48 hours. That is not what a fire costs. How much of it falls
/// into the time in which fires are measured goes by how long loading took and by how many jobs there are, so
/// counted in it made the figure move from machine to machine.
const ONCE: [&str; 3] = ["state-check", "search-feed", "read-background"];

impl Spent {
    /// What a server has used so far.
    pub fn by(pid: u32) -> Result<Self> {
        let once = Cpu::of_threads(pid, &ONCE)?;
        Ok(Self { firing: Cpu::of(pid)?.since(once), once })
    }

    /// What was used since an earlier look. Of a thread that ended meanwhile, all is counted for the fires.
    pub fn since(self, earlier: Self) -> Self {
        let once = self.once.since(earlier.once).at_least_nothing();
        let all = self.firing.and(self.once).since(earlier.firing.and(earlier.once));
        Self { firing: all.since(once), once }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 75 0 0 20 0 9 0 1 1 1";
        let (name, cpu) = Cpu::parse(stat).unwrap();
        assert_eq!(name, "a) b (c");
        assert_eq!((cpu.user_us, cpu.system_us), (2_500_000.0, 750_000.0));
        for short in ["", "42 name S", "42 (name) S 1 42"] {
            assert!(Cpu::parse(short).is_err(), "{short:?}");
        }
    }

    #[test]
    fn the_threads_of_one_name_are_found() {
        let name = "looked-for";
        let spin = |stop: std::sync::mpsc::Receiver<()>| {
            while stop.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {}
        };
        let (stop, stopped) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || spin(stopped)).unwrap();
        let own = std::process::id();
        // It is counted in ticks, so it is there once it has run for one.
        while Cpu::of_threads(own, &[name]).unwrap().total() == 0.0 {}
        assert_eq!(Cpu::of_threads(own, &["nobody"]).unwrap().total(), 0.0);
        stop.send(()).unwrap();
        thread.join().unwrap();
    }
}
