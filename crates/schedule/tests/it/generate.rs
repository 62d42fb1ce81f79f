//! Random cron expressions that know, independently of the crate, what they match.

use proptest::prelude::*;

/// One field: its text, and its values (Sunday is 0; `L` is apart).
#[derive(Debug, Clone)]
pub struct FieldText {
    pub text: String,
    pub values: Vec<u32>,
    pub last_day: bool,
}

impl FieldText {
    pub fn starts_with_star(&self) -> bool {
        self.text.starts_with('*')
    }

    fn day_star(&self) -> bool {
        self.starts_with_star() || self.text == "?"
    }
}

#[derive(Debug, Clone)]
pub struct Expression {
    pub second: Option<FieldText>,
    pub minute: FieldText,
    pub hour: FieldText,
    pub day: FieldText,
    pub month: FieldText,
    pub weekday: FieldText,
}

impl Expression {
    pub fn text(&self) -> String {
        let second = self.second.as_ref().map_or(String::new(), |second| format!("{} ", second.text));
        let [minute, hour, day] = [&self.minute.text, &self.hour.text, &self.day.text];
        format!("{second}{minute} {hour} {day} {} {}", self.month.text, self.weekday.text)
    }

    pub fn seconds(&self) -> Vec<u32> {
        self.second.as_ref().map_or(vec![0], |second| second.values.clone())
    }

    pub fn matches_time(&self, hour: u32, minute: u32, second: u32) -> bool {
        self.hour.values.contains(&hour)
            && self.minute.values.contains(&minute)
            && self.seconds().contains(&second)
    }

    pub fn matches_date(&self, date: jiff::civil::Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset() as u32;
        let day = self.day.values.contains(&(date.day() as u32))
            || (self.day.last_day && date.day() == date.days_in_month());
        let weekday = self.weekday.values.contains(&weekday);
        let both = self.day.day_star() || self.weekday.day_star();
        self.month.values.contains(&(date.month() as u32))
            && if both { day && weekday } else { day || weekday }
    }
}

/// Where most of the variety goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dense {
    /// Any dates; one time of day.
    Days,
    /// Any minutes and hours; mostly every day.
    Times,
    /// With seconds.
    Seconds,
}

pub fn expression(dense: Dense) -> impl Strategy<Value = Expression> {
    let star = || prop_oneof![3 => Just(field("*", 0, 7)), 1 => Just(field("?", 0, 7))];
    let stars = |low, high| Just(field("*", low, high)).boxed();
    let (minute, hour) = match dense {
        Dense::Days => (list(0, 59, false), list(0, 23, false)),
        _ => (any_field(0, 59), any_field(0, 23)),
    };
    let second = match dense {
        Dense::Seconds => any_field(0, 59).prop_map(Some).boxed(),
        _ => Just(None).boxed(),
    };
    let (day, month, weekday) = match dense {
        Dense::Days => (
            prop_oneof![3 => any_field(1, 31), 1 => star().prop_map(|f| field(&f.text, 1, 31)), 1 => with_last()].boxed(),
            prop_oneof![any_field(1, 12), stars(1, 12)].boxed(),
            prop_oneof![2 => any_field(0, 7), 2 => star()].boxed(),
        ),
        _ => (
            prop_oneof![4 => stars(1, 31), 1 => any_field(1, 31)].boxed(),
            stars(1, 12),
            prop_oneof![4 => stars(0, 7), 1 => any_field(0, 7)].boxed(),
        ),
    };
    (second, minute, hour, day, month, weekday).prop_map(|(second, minute, hour, day, month, mut weekday)| {
        weekday.values = weekday.values.iter().map(|day| day % 7).collect();
        Expression { second, minute, hour, day, month, weekday }
    })
}

fn field(text: &str, low: u32, high: u32) -> FieldText {
    FieldText { text: text.to_owned(), values: (low..=high).collect(), last_day: false }
}

fn any_field(low: u32, high: u32) -> BoxedStrategy<FieldText> {
    prop_oneof![Just(field("*", low, high)), list(low, high, true)].boxed()
}

fn with_last() -> BoxedStrategy<FieldText> {
    prop_oneof![
        Just(FieldText { text: "L".into(), values: vec![], last_day: true }),
        list(1, 31, false).prop_map(|list| FieldText {
            text: format!("{},L", list.text),
            last_day: true,
            ..list
        }),
    ]
    .boxed()
}

fn list(low: u32, high: u32, stars: bool) -> BoxedStrategy<FieldText> {
    proptest::collection::vec(item(low, high, stars), 1..4)
        .prop_map(|items| FieldText {
            text: items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join(","),
            values: items.iter().flat_map(|item| item.values.clone()).collect(),
            last_day: false,
        })
        .boxed()
}

fn item(low: u32, high: u32, stars: bool) -> impl Strategy<Value = FieldText> {
    let kinds = if stars { 6 } else { 5 };
    (0..kinds, low..=high, low..=high, 1..=high).prop_map(move |(kind, a, b, step)| {
        let (a, b) = (a.min(b), a.max(b));
        let (text, from, to, step) = match kind {
            0 | 1 => (format!("{a}"), a, a, 1),
            2 => (format!("{a}-{b}"), a, b, 1),
            3 => (format!("{a}-{b}/{step}"), a, b, step),
            4 => (format!("{a}/{step}"), a, high, step),
            _ => (format!("*/{step}"), low, high, step),
        };
        let values = (from..=to).filter(|value| (value - from) % step == 0).collect();
        FieldText { text, values, last_day: false }
    })
}
