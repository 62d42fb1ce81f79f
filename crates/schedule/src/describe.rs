//! A cron schedule in plain English.
//!
//! The words are made from the bit sets and not from the text, so they say what the schedule does. `*/5`, `0/5` and a list
//! of the twelve minutes read alike. A step that does not divide the hour is never called "every 7 minutes".

use crate::cron::Cron;
use crate::field::LAST_DAY;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// If there are more clock times than this, hours and minutes are described instead of each time.
const MAX_CLOCK_TIMES: u32 = 4;

const ALL_60: u64 = (1 << 60) - 1;
const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_DAYS: u64 = (1 << 32) - 2;
const ALL_MONTHS: u64 = (1 << 13) - 2;
const ALL_WEEKDAYS: u64 = (1 << 7) - 1;

pub(crate) fn cron(cron: &Cron) -> String {
    let mut text = time(cron);
    if let Some(days) = days(cron) {
        text += ", ";
        text += &days;
    }
    let months = u64::from(cron.months);
    if months != ALL_MONTHS {
        let names: Vec<&str> = members(months >> 1).map(|month| MONTHS[month as usize]).collect();
        text += ", in ";
        text += &runs(months >> 1, &names, "and");
    }
    text
}

fn time(cron: &Cron) -> String {
    let (seconds, minutes, hours) = (cron.seconds, cron.minutes, u64::from(cron.hours));
    let all_hours = hours == ALL_HOURS;
    if seconds != 1 {
        return time_with_seconds(seconds, minutes, hours);
    }
    if minutes == 1
        && let Some(step) = whole_step(hours, 24).filter(|step| *step <= 24 / 3)
    {
        return every(step, "hour");
    }
    if let Some(times) = clock_times(seconds, minutes, hours) {
        return times;
    }
    if let Some(step) = whole_step(minutes, 60) {
        let every = every(step, "minute");
        return if all_hours { every } else { format!("{every} during {}", phrase(hours, "hour")) };
    }
    format!("At {} past {}", phrase(minutes, "minute"), hours_phrase(hours))
}

fn time_with_seconds(seconds: u64, minutes: u64, hours: u64) -> String {
    if let Some(times) = clock_times(seconds, minutes, hours) {
        return times;
    }
    let (all_minutes, all_hours) = (minutes == ALL_60, hours == ALL_HOURS);
    let (mut text, link) = match whole_step(seconds, 60) {
        Some(step) => (every(step, "second"), "during"),
        None => (format!("At {}", phrase(seconds, "second")), "past"),
    };
    match (all_minutes, all_hours) {
        (true, true) if link == "during" => {}
        (true, true) => text += " past every minute",
        (true, false) if link == "during" => text += &format!(" during {}", phrase(hours, "hour")),
        (true, false) => text += &format!(" past every minute during {}", phrase(hours, "hour")),
        (false, _) => text += &format!(" {link} {} past {}", phrase(minutes, "minute"), hours_phrase(hours)),
    }
    text
}

fn hours_phrase(hours: u64) -> String {
    if hours == ALL_HOURS { "every hour".to_owned() } else { phrase(hours, "hour") }
}

/// `At 09:00 and 17:30`, if there are few times and only one second.
fn clock_times(seconds: u64, minutes: u64, hours: u64) -> Option<String> {
    if seconds.count_ones() != 1 || minutes.count_ones() * hours.count_ones() > MAX_CLOCK_TIMES {
        return None;
    }
    let second = seconds.trailing_zeros();
    let times: Vec<String> = members(hours)
        .flat_map(|hour| members(minutes).map(move |minute| (hour, minute)))
        .map(|(hour, minute)| match second {
            0 => format!("{hour:02}:{minute:02}"),
            _ => format!("{hour:02}:{minute:02}:{second:02}"),
        })
        .collect();
    Some(format!("At {}", list(&times, "and")))
}

fn days(cron: &Cron) -> Option<String> {
    let (days, weekdays) = (u64::from(cron.days), u64::from(cron.weekdays));
    let all_days = days & ALL_DAYS == ALL_DAYS;
    let all_weekdays = weekdays == ALL_WEEKDAYS;
    match (all_days, all_weekdays) {
        (true, true) => None,
        (false, false) if cron.both_days => {
            Some(format!("{}, but only on {}", days_of_month(days), weekday_names(weekdays, "or")))
        }
        (false, false) => Some(format!("{} or on {}", days_of_month(days), weekday_names(weekdays, "or"))),
        // One of the two is enough, and one of them is every day.
        _ if !cron.both_days => None,
        (false, true) => Some(days_of_month(days)),
        (true, false) => {
            let names = weekday_names(weekdays, "and");
            Some(if names.contains(" through ") && !names.contains(" and ") {
                names
            } else {
                format!("on {names}")
            })
        }
    }
}

fn days_of_month(days: u64) -> String {
    const LAST: &str = "the last day of the month";
    let numbered = days & ALL_DAYS;
    match (numbered, days & 1 << LAST_DAY != 0) {
        (0, _) => format!("on {LAST}"),
        (_, false) => format!("on {} of the month", phrase(numbered, "day")),
        (_, true) => format!("on {} and {LAST}", phrase(numbered, "day")),
    }
}

/// The week starts on Monday, unless the days follow one another only if it starts on Sunday.
fn weekday_names(weekdays: u64, link: &str) -> String {
    let from_monday = (weekdays >> 1 | weekdays << 6) & ALL_WEEKDAYS;
    let first = if is_run(weekdays) && !is_run(from_monday) { 0 } else { 1 };
    let set = if first == 0 { weekdays } else { from_monday };
    let names: Vec<&str> = members(set).map(|day| WEEKDAYS[(day as usize + first) % 7]).collect();
    runs(set, &names, link)
}

/// `minute 5`, `minutes 5 through 10`, `every 7th minute from 0 through 56` or `minutes 1, 5 and 20 through 30`.
fn phrase(set: u64, unit: &str) -> String {
    let values: Vec<u32> = members(set).collect();
    if let [first, second, third, ..] = values[..] {
        let (step, last) = (second - first, values[values.len() - 1]);
        if step > 1 && third - second == step && values.windows(2).all(|pair| pair[1] - pair[0] == step) {
            return format!("every {} {unit} from {first} through {last}", ordinal(step));
        }
    }
    let names: Vec<String> = values.iter().map(u32::to_string).collect();
    let plural = if values.len() == 1 { "" } else { "s" };
    format!("{unit}{plural} {}", runs(set, &names, "and"))
}

/// The names of a set's members as a list in which three or more neighbours become `a through b`.
fn runs<T: AsRef<str>>(set: u64, names: &[T], link: &str) -> String {
    let values: Vec<u32> = members(set).collect();
    let mut parts = Vec::new();
    let mut start = 0;
    while start < values.len() {
        let mut end = start;
        while end + 1 < values.len() && values[end + 1] == values[end] + 1 {
            end += 1;
        }
        if end - start >= 2 {
            parts.push(format!("{} through {}", names[start].as_ref(), names[end].as_ref()));
        } else {
            parts.extend(names[start..=end].iter().map(|name| name.as_ref().to_owned()));
        }
        start = end + 1;
    }
    list(&parts, link)
}

fn list(parts: &[String], link: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} {link} {last}", rest.join(", ")),
    }
}

fn every(step: u32, unit: &str) -> String {
    if step == 1 { format!("Every {unit}") } else { format!("Every {step} {unit}s") }
}

/// `Some(n)` if the set is 0, n, 2n, ... and stays even across the end of the hour or day.
fn whole_step(set: u64, size: u32) -> Option<u32> {
    let step = members(set).nth(1)?;
    let even = size.is_multiple_of(step) && members(set).eq((0..size).step_by(step as usize));
    even.then_some(step)
}

fn is_run(set: u64) -> bool {
    set.count_ones() >= 3 && (set >> set.trailing_zeros()).trailing_ones() == set.count_ones()
}

fn members(set: u64) -> impl Iterator<Item = u32> {
    (0..64).filter(move |value| set & 1 << value != 0)
}

fn ordinal(n: u32) -> String {
    let suffix = match (n % 10, n % 100 / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}
