//! A picture of a run: throughput and export latency over time, as an SVG that stands alone.
//!
//! The background is part of the picture, so it reads the same on light and on dark pages.

mod axis;

use std::fmt::Write;
use std::time::Duration;

use super::series::Point;
use crate::units;
use axis::{Axis, time_label, time_ticks};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 600.0;
/// Where both panels begin and end.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 932.0;
/// The tops of the panels, and their height.
const THROUGHPUT_TOP: f64 = 118.0;
const LATENCY_TOP: f64 = 364.0;
const PANEL_HEIGHT: f64 = 176.0;

/// Colours that people with any colour vision tell apart (Okabe and Ito), dark enough for white.
const BLUE: &str = "#0072b2";
const ORANGE: &str = "#d55e00";
const GREY: &str = "#8a93a0";

/// Draws the intervals of a run. `title` and `subtitle` are plain text of about 100 characters at
/// most. Without any interval it says so.
#[must_use]
pub fn svg(title: &str, subtitle: &str, points: &[Point]) -> String {
    let mut canvas = Canvas::new(title, subtitle);
    let end = points
        .last()
        .map_or(0.0, |last| (last.start + last.length).as_secs_f64());
    if end <= 0.0 {
        canvas.text(
            WIDTH / 2.0,
            HEIGHT / 2.0,
            "middle",
            "label",
            "the run was too short to draw",
        );
        return canvas.finish();
    }
    throughput(&mut canvas, points, end);
    latency(&mut canvas, points, end);
    canvas.finish()
}

fn throughput(canvas: &mut Canvas, points: &[Point], end: f64) {
    let emitted = line(points, |point| Some(point.emitted_per_second()));
    let exported = line(points, |point| Some(point.exported_per_second()));
    let max = emitted
        .iter()
        .chain(&exported)
        .flatten()
        .map(|stair| stair.value)
        .fold(0.0, f64::max);
    let axis = Axis::linear(max, 4);
    let panel = Panel {
        top: THROUGHPUT_TOP,
        axis: &axis,
        end,
    };
    canvas.frame(&panel, "Throughput (spans per second)", units::count);
    canvas.legend(&panel, &[("exported", BLUE, ""), ("emitted", GREY, DASHED)]);
    canvas.area(&panel, &exported, BLUE);
    canvas.line(&panel, &emitted, GREY, DASHED);
    canvas.line(&panel, &exported, BLUE, "");
}

fn latency(canvas: &mut Canvas, points: &[Point], end: f64) {
    let nanos = |latency: Option<Duration>| latency.map(|it| (it.as_nanos() as f64).max(1.0));
    let p50 = line(points, |point| nanos(point.export_p50));
    let p99 = line(points, |point| nanos(point.export_p99));
    let values = || p50.iter().chain(&p99).flatten().map(|stair| stair.value);
    let min = values().fold(f64::INFINITY, f64::min);
    let max = values().fold(0.0, f64::max);
    let axis = if max > 0.0 {
        Axis::logarithmic(min, max)
    } else {
        Axis::logarithmic(1e6, 1e9)
    };
    let panel = Panel {
        top: LATENCY_TOP,
        axis: &axis,
        end,
    };
    let label = |nanos: f64| units::duration(Duration::from_nanos(nanos.round() as u64));
    canvas.frame(&panel, "Export latency (per request, logarithmic)", label);
    canvas.legend(&panel, &[("p99", ORANGE, ""), ("p50", BLUE, "")]);
    canvas.line(&panel, &p50, BLUE, "");
    canvas.line(&panel, &p99, ORANGE, "");
    canvas.times(&panel);
}

/// What one interval contributes to a line.
#[derive(Clone, Copy)]
struct Stair {
    /// When it began and ended, in seconds.
    from: f64,
    to: f64,
    value: f64,
}

/// The intervals in order, `None` where one has no value.
type Line = Vec<Option<Stair>>;

fn line(points: &[Point], value: impl Fn(&Point) -> Option<f64>) -> Line {
    let stair = |point: &Point| {
        let value = value(point)?;
        let from = point.start.as_secs_f64();
        let to = (point.start + point.length).as_secs_f64();
        Some(Stair { from, to, value })
    };
    points.iter().map(stair).collect()
}

const DASHED: &str = " stroke-dasharray=\"5 4\"";

/// One of the two diagrams.
struct Panel<'a> {
    top: f64,
    axis: &'a Axis,
    /// The end of the run in seconds.
    end: f64,
}

impl Panel<'_> {
    fn x(&self, seconds: f64) -> f64 {
        LEFT + seconds / self.end * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom() - self.axis.place(value).clamp(0.0, 1.0) * PANEL_HEIGHT
    }

    fn bottom(&self) -> f64 {
        self.top + PANEL_HEIGHT
    }
}

/// The picture so far.
struct Canvas(String);

impl Canvas {
    fn new(title: &str, subtitle: &str) -> Self {
        let mut canvas = Self(format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">
<title>{}</title>
<style>
text {{ font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #4b5563; font-size: 13px }}
.title {{ fill: #111827; font-size: 20px; font-weight: 600 }}
.panel {{ fill: #111827; font-size: 14px; font-weight: 600 }}
.tick {{ font-size: 12px; font-variant-numeric: tabular-nums }}
</style>
<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#ffffff"/>
"##,
            escape(title)
        ));
        canvas.text(28.0, 40.0, "start", "title", title);
        canvas.text(28.0, 64.0, "start", "label", subtitle);
        canvas
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
        let text = escape(text);
        self.put(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#
        ));
    }

    /// The heading of a panel, its horizontal lines and what they stand for.
    fn frame(&mut self, panel: &Panel<'_>, heading: &str, label: impl Fn(f64) -> String) {
        self.text(28.0, panel.top - 18.0, "start", "panel", heading);
        for (index, tick) in panel.axis.ticks.iter().enumerate() {
            let y = panel.y(*tick);
            let stroke = if index == 0 { "#9ca3af" } else { "#e5e7eb" };
            self.put(format_args!(
                r#"<line x1="{LEFT}" y1="{y:.1}" x2="{RIGHT}" y2="{y:.1}" stroke="{stroke}"/>"#
            ));
            self.text(LEFT - 10.0, y + 4.0, "end", "tick", &label(*tick));
        }
        for tick in time_ticks(panel.end, 10) {
            let (x, bottom) = (panel.x(tick), panel.bottom());
            self.put(format_args!(
                r##"<line x1="{x:.1}" y1="{bottom:.1}" x2="{x:.1}" y2="{:.1}" stroke="#9ca3af"/>"##,
                bottom + 5.0
            ));
        }
    }

    /// The labels of the time axis, under the panel.
    fn times(&mut self, panel: &Panel<'_>) {
        for tick in time_ticks(panel.end, 10) {
            let (x, y) = (panel.x(tick), panel.bottom() + 22.0);
            self.text(x, y, "middle", "tick", &time_label(tick));
        }
        let y = panel.bottom() + 42.0;
        self.text(
            (LEFT + RIGHT) / 2.0,
            y,
            "middle",
            "label",
            "time since the start",
        );
    }

    /// Names the lines of a panel, right-aligned beside its heading.
    fn legend(&mut self, panel: &Panel<'_>, lines: &[(&str, &str, &str)]) {
        const ENTRY_WIDTH: f64 = 100.0;
        let mut x = RIGHT - ENTRY_WIDTH * lines.len() as f64;
        let y = panel.top - 22.5;
        for (name, colour, dash) in lines {
            x += ENTRY_WIDTH;
            self.text(x, y + 4.5, "end", "label", name);
            // Letters of this font are about 7.2 wide.
            let end = x - name.len() as f64 * 7.2 - 8.0;
            self.put(format_args!(
                r#"<line x1="{:.1}" y1="{y}" x2="{end:.1}" y2="{y}" stroke="{colour}" stroke-width="2.5"{dash}/>"#,
                end - 20.0
            ));
        }
    }

    /// A line that holds each value for the length of its interval, broken where there is none.
    fn line(&mut self, panel: &Panel<'_>, line: &Line, colour: &str, dash: &str) {
        let mut path = String::new();
        for piece in line
            .split(Option::is_none)
            .filter(|piece| !piece.is_empty())
        {
            path.push_str(&stairs(panel, piece, 'M'));
        }
        self.put(format_args!(
            r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dash}/>"#
        ));
    }

    /// A faint surface between a line and the bottom.
    fn area(&mut self, panel: &Panel<'_>, line: &Line, colour: &str) {
        let bottom = panel.bottom();
        let path = stairs(panel, line, 'L');
        self.put(format_args!(
            r#"<path d="M{LEFT} {bottom}{path}L{RIGHT} {bottom}Z" fill="{colour}" fill-opacity="0.1"/>"#
        ));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{element}").expect("a string takes everything");
    }

    fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// The commands of an SVG path along these intervals. `first` leads to the first corner.
fn stairs(panel: &Panel<'_>, line: &[Option<Stair>], first: char) -> String {
    let mut path = String::new();
    let mut command = first;
    for stair in line.iter().flatten() {
        let (from, to, y) = (panel.x(stair.from), panel.x(stair.to), panel.y(stair.value));
        write!(path, "{command}{from:.1} {y:.1}L{to:.1} {y:.1}")
            .expect("a string takes everything");
        command = 'L';
    }
    path
}

/// Text inside XML. Control characters, which XML forbids, become blanks.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(seconds: u64) -> Vec<Point> {
        let point = |second: u64| Point {
            start: Duration::from_secs(second),
            length: Duration::from_secs(1),
            emitted: 100 + second,
            exported: 100,
            exports: 4,
            export_p50: (second != 2).then_some(Duration::from_micros(900)),
            export_p99: (second != 2).then_some(Duration::from_millis(3 + second % 5)),
        };
        (0..seconds).map(point).collect()
    }

    /// Every coordinate is a number inside the picture, however short or long the run.
    #[test]
    fn everything_is_drawn_inside_the_picture() {
        for seconds in [0, 1, 2, 3, 50, 600] {
            let picture = svg("load", "to here", &points(seconds));
            assert!(
                !picture.contains("NaN") && !picture.contains("inf"),
                "{seconds} s"
            );
            for (axis, bound) in [("x", WIDTH), ("y", HEIGHT)] {
                for name in ["", "1", "2"] {
                    let attribute = format!(" {axis}{name}=\"");
                    for rest in picture.split(&attribute).skip(1) {
                        let value: f64 = rest.split('"').next().unwrap().parse().unwrap();
                        assert!((0.0..=bound).contains(&value), "{attribute}{value}");
                    }
                }
            }
        }
    }

    /// A second without an answer breaks the latency lines and only those.
    #[test]
    fn a_gap_in_the_data_is_a_gap_in_the_line() {
        let pieces = |seconds| svg("t", "s", &points(seconds)).matches("d=\"M").count();
        let moves = |seconds| {
            let picture = svg("t", "s", &points(seconds));
            let paths = picture
                .split("d=\"")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap());
            paths.map(|path| path.matches('M').count()).sum::<usize>()
        };
        assert_eq!(moves(2), pieces(2));
        assert_eq!(moves(5), pieces(5) + 2);
    }

    /// What users name cannot break the file.
    #[test]
    fn texts_are_escaped() {
        let picture = svg("a < b & c\u{1b}", "</svg><script>", &points(3));
        assert!(picture.contains("a &lt; b &amp; c <"));
        assert!(!picture.contains("<script>"));
    }
}
