//! A point of the checklist and its answer, as values.

use std::fmt;

use crate::check::finding::{Finding, Level};
use crate::check::findings::Findings;
use crate::error::Error;
use crate::report::{Raw, printable};

/// The names of the points, in their order.
pub(super) const POINTS: &[&str] = &[
    "wal",
    "strict",
    "page-size",
    "cache-size",
    "busy-timeout",
    "synchronous",
    "key-reuse",
    "indexes",
    "batches",
    "checkpoints",
    "integrity",
    "backup",
    "pooling",
    "file-system",
    "full-disk",
];

/// The answer to a point of the checklist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It is as the guides recommend.
    Ok,
    /// It is not.
    Not,
    /// It cannot be seen from the connection. The text is what shows it.
    Unseen(&'static str),
}

/// A point of the [production checklist](crate::check::production()).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Point {
    /// One word, such as `wal` or `busy-timeout`.
    pub name: &'static str,
    /// The answer.
    pub status: Status,
    /// The evidence, with its numbers.
    pub seen: String,
    /// A better setting or way, where the answer is [`Status::Not`].
    pub help: Option<String>,
    /// The opinions, where guides to SQLite in production and its own documentation disagree.
    pub opinions: &'static [(&'static str, &'static str)],
}

impl Point {
    pub(crate) fn new(name: &'static str, status: Status, seen: impl Into<String>) -> Point {
        Point { name, status, seen: seen.into(), help: None, opinions: &[] }
    }

    pub(crate) fn ok(name: &'static str, seen: impl Into<String>) -> Point {
        Point::new(name, Status::Ok, seen)
    }

    pub(crate) fn not(name: &'static str, seen: impl Into<String>, help: impl Into<String>) -> Point {
        Point { help: Some(help.into()), ..Point::new(name, Status::Not, seen) }
    }

    pub(crate) fn unseen(name: &'static str, seen: impl Into<String>, shown_by: &'static str) -> Point {
        Point::new(name, Status::Unseen(shown_by), seen)
    }
}

/// The answers to the [production checklist](crate::check::production()). `Display` is a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a checklist says nothing unless it is looked at: print it, or .findings().assert_ok()"]
pub struct Production {
    points: Vec<Point>,
}

impl Production {
    pub(super) fn new(points: Vec<Point>) -> Production {
        Production { points }
    }

    /// Returns the fifteen points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Returns the point with this name.
    pub fn point(&self, name: &str) -> Option<&Point> {
        self.points.iter().find(|point| point.name == name)
    }

    /// Answers a point by what a test has tried: the result of the call that shows it. The first line of its text is what was
    /// seen.
    ///
    /// ```
    /// use sqlitmus::{Template, check, check::Status, faults};
    ///
    /// let db = Template::new("fixtures/shop/migrations").in_memory();
    /// let add = "INSERT INTO categories(slug, name) VALUES ('tea', 'Tea')";
    /// let swept = faults::sweep(&db, |db| db.execute(add, []))
    ///     .only(faults::Kind::Full)
    ///     .try_run();
    /// let checklist = check::production(&db).answer("full-disk", swept);
    /// assert_eq!(checklist.point("full-disk").unwrap().status, Status::Ok);
    /// ```
    ///
    /// # Panics
    /// If there is no point with this name.
    #[track_caller]
    pub fn answer<T: fmt::Display>(self, name: &str, shown: Result<T, Error>) -> Production {
        let Some(name) = POINTS.iter().find(|known| **known == name) else {
            panic!("there is no point {name}: the points are {}", POINTS.join(", "));
        };
        let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
        self.replace(match shown {
            Ok(report) => Point::ok(name, first_line(report.to_string())),
            Err(error) => Point { help: None, ..Point::not(name, error.headline(), "") },
        })
    }

    /// Puts a point in the place of that with its name.
    pub(crate) fn replace(mut self, point: Point) -> Production {
        if let Some(old) = self.points.iter_mut().find(|old| old.name == point.name) {
            *old = Point { opinions: old.opinions, ..point };
        }
        self
    }

    /// Returns a warning for each point that is not as the guides recommend. Its code is the name of the point, and its object
    /// too.
    ///
    /// ```
    /// # let db = sqlitmus::Template::new("fixtures/shop/migrations")
    /// #     .profile(sqlitmus::Profile::PRODUCTION)
    /// #     .in_memory();
    /// sqlitmus::check::production(&db)
    ///     .findings()
    ///     .allow("key-reuse", "*", "ids are not known outside of the database")
    ///     .assert_ok();
    /// ```
    pub fn findings(&self) -> Findings {
        let not = self.points.iter().filter(|point| point.status == Status::Not);
        let finding = |point: &Point| {
            let says = |(who, what): &(&str, &str)| format!("{who}: {what}");
            let finding = Finding::new(point.name, point.name, point.seen.as_str())
                .level_of(Level::Warning)
                .cost(point.opinions.iter().map(says).collect::<Vec<_>>().join("\n"));
            match &point.help {
                Some(help) => finding.fix(help.as_str()),
                None => finding,
            }
        };
        not.map(finding).collect::<Findings>().with_codes(POINTS)
    }
}

printable!(Production);

impl Raw for Production {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |is: fn(&Status) -> bool| self.points.iter().filter(|point| is(&point.status)).count();
        write!(
            f,
            "{} points: {} ok, {} not, {} cannot be seen from here",
            self.points.len(),
            count(|status| *status == Status::Ok),
            count(|status| *status == Status::Not),
            count(|status| matches!(status, Status::Unseen(_)))
        )?;
        for point in &self.points {
            let mark = match point.status {
                Status::Ok => "ok",
                Status::Not => "NOT",
                Status::Unseen(_) => "?",
            };
            write!(f, "\n{mark:<5}{:<14}{}", point.name, point.seen)?;
            if let Status::Unseen(shown_by) = point.status {
                write!(f, "\n{:19}this does: {shown_by}", "")?;
            }
            if let Some(help) = &point.help {
                write!(f, "\n{:19}help: {help}", "")?;
            }
            for (who, what) in point.opinions {
                write!(f, "\n{:19}{who}: {what}", "")?;
            }
        }
        Ok(())
    }
}
