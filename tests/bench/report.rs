//! Figures of several rounds: median, spread, ratios.

use std::fmt::Write as _;

/// All figures of a run, in the order in which they were first added.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    ratios: Vec<(String, String, f64)>,
}

#[derive(Debug)]
struct Figure {
    group: String,
    name: String,
    unit: String,
    values: Vec<f64>,
}

impl Figure {
    fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    fn range(&self) -> (f64, f64) {
        let low = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    }
}

impl Report {
    /// Adds the value of one round.
    pub(crate) fn add(&mut self, group: &str, name: &str, unit: &str, value: f64) {
        if let Some(figure) =
            self.figures.iter_mut().find(|figure| figure.group == group && figure.name == name)
        {
            figure.values.push(value);
            return;
        }
        self.figures.push(Figure {
            group: group.to_owned(),
            name: name.to_owned(),
            unit: unit.to_owned(),
            values: vec![value],
        });
    }

    /// Has the ratio of two figures' medians shown, beside where it is meant to be.
    pub(crate) fn ratio(&mut self, name: &str, to: &str, goal: f64) {
        self.ratios.push((name.to_owned(), to.to_owned(), goal));
    }

    fn median_of(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(Figure::median)
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let mut group = "";
        for figure in &self.figures {
            if figure.group != group {
                group = &figure.group;
                let _ = writeln!(text, "\n{group}");
            }
            let (low, high) = figure.range();
            let _ = writeln!(
                text,
                "  {:<42} {:>10} {:<14} ({} to {})",
                figure.name,
                number(figure.median()),
                figure.unit,
                number(low),
                number(high)
            );
        }
        for (name, to, goal) in &self.ratios {
            if let (Some(a), Some(b)) = (self.median_of(name), self.median_of(to)) {
                let _ = writeln!(text, "\n{name} : {to} = {:.2} (goal {goal:.2})", a / b);
            }
        }
        text
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> String {
        let figures: Vec<_> = self
            .figures
            .iter()
            .map(|figure| {
                serde_json::json!({
                    "group": figure.group, "name": figure.name, "unit": figure.unit,
                    "median": figure.median(), "rounds": figure.values,
                })
            })
            .collect();
        format!("{:#}\n", serde_json::json!({ "figures": figures }))
    }
}

fn number(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
