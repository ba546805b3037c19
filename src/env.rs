//! The only reader of the environment.
//!
//! A misspelled variable that is silently ignored costs an afternoon, so an unknown `SQLITMUS_*` name or value is an
//! error that lists the known ones.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use once_cell::sync::OnceCell;

use crate::error::{Error, ErrorKind, Result};
use crate::real_file;

/// The policy for keeping a test's database as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// When the test panics.
    OnFailure,
    /// Always, to look at the database of a passing test.
    Always,
    /// Never, for machines whose files nobody looks at afterwards.
    Never,
}

/// The values of the `SQLITMUS_*` variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) keep: Keep,
    pub(crate) cache: bool,
    /// True if every test's database is checked when the test ends.
    pub(crate) check: bool,
    /// The folder for kept databases and the cache, instead of the target folder.
    pub(crate) dir: Option<PathBuf>,
    /// True if new migrations may be added to the frozen ones.
    pub(crate) accept_migrations: bool,
    /// True in CI, where something that a person may forget is an error.
    pub(crate) ci: bool,
    /// The file that collects the statements of a run and their plans.
    pub(crate) ledger: Option<PathBuf>,
    /// The seed of all random choices, instead of those that the tests name.
    pub(crate) seed: Option<u64>,
    /// The part of an explorer's work that this process does.
    pub(crate) shard: Shard,
    /// The one image, fault or schedule to repeat, as a failure has printed it.
    pub(crate) replay: Option<String>,
}

/// One part of work that is split over machines, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(crate) number: u64,
    pub(crate) of: u64,
}

impl Shard {
    pub(crate) const ALL: Shard = Shard { number: 1, of: 1 };

    /// Returns true if the step with this index, counted from 0, belongs to this part.
    pub(crate) fn has(self, index: u64) -> bool {
        index % self.of == self.number - 1
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            keep: Keep::OnFailure,
            cache: true,
            check: false,
            dir: None,
            accept_migrations: false,
            ci: false,
            ledger: None,
            seed: None,
            shard: Shard::ALL,
            replay: None,
        }
    }
}

const NAMES: [&str; 9] = [
    "SQLITMUS_ACCEPT",
    "SQLITMUS_CACHE",
    "SQLITMUS_CHECK",
    "SQLITMUS_DIR",
    "SQLITMUS_KEEP",
    "SQLITMUS_LEDGER",
    "SQLITMUS_REPLAY",
    "SQLITMUS_SEED",
    "SQLITMUS_SHARD",
];

/// Returns the settings of this process, which are read once.
pub(crate) fn settings() -> Result<&'static Settings> {
    static SETTINGS: OnceCell<Settings> = OnceCell::new();
    SETTINGS.get_or_try_init(|| parse(std::env::vars_os()))
}

fn parse(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Settings> {
    let mut settings = Settings::default();
    for (name, value) in variables {
        if name == "CI" {
            settings.ci = !value.is_empty() && value != "false";
        }
        let Some(name) = name.to_str().filter(|name| name.starts_with("SQLITMUS_")) else { continue };
        match name {
            "SQLITMUS_ACCEPT" => {
                settings.accept_migrations = choose(name, &value, &[("", false), ("migrations", true)])?;
            }
            "SQLITMUS_KEEP" => {
                let choices = [("failure", Keep::OnFailure), ("always", Keep::Always), ("never", Keep::Never)];
                settings.keep = choose(name, &value, &choices)?;
            }
            "SQLITMUS_CACHE" => settings.cache = choose(name, &value, &[("on", true), ("off", false)])?,
            "SQLITMUS_CHECK" => {
                let choices = [("off", false), ("on", true), ("0", false), ("1", true)];
                settings.check = choose(name, &value, &choices)?;
            }
            "SQLITMUS_DIR" => settings.dir = path(value),
            "SQLITMUS_LEDGER" => settings.ledger = path(value),
            "SQLITMUS_REPLAY" => settings.replay = read(name, &value, replay, REPLAYS)?,
            "SQLITMUS_SEED" => {
                settings.seed = read(name, &value, number, "a number such as 24378 or 0x5f3a")?;
            }
            "SQLITMUS_SHARD" => {
                settings.shard = read(name, &value, shard, "one part of several, such as 1/4")?.unwrap_or(Shard::ALL);
            }
            _ => {
                return Err(Error::new(ErrorKind::Environment, format!("unknown environment variable {name}"))
                    .help(format!("the known ones are {}", NAMES.join(", "))));
            }
        }
    }
    Ok(settings)
}

fn choose<T: Copy>(name: &str, value: &OsString, choices: &[(&str, T)]) -> Result<T> {
    // The first choice is the default.
    if value.is_empty() {
        return Ok(choices[0].1);
    }
    choices.iter().find(|(word, _)| value == word).map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect();
        unknown(name, value).help(format!("the known ones are {}", words.join(", ")))
    })
}

// An empty value is how shells and CI files unset a variable.

fn path(value: OsString) -> Option<PathBuf> {
    (!value.is_empty()).then(|| PathBuf::from(value))
}

fn read<T>(name: &str, value: &OsString, parse: fn(&str) -> Option<T>, known: &str) -> Result<Option<T>> {
    match value.to_str() {
        Some("") => Ok(None),
        None => Err(unknown(name, value)),
        Some(text) => match parse(text) {
            None => Err(unknown(name, value).help(format!("it takes {known}"))),
            found => Ok(found),
        },
    }
}

/// Parses a number as failures print it and variables take it.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn shard(text: &str) -> Option<Shard> {
    let (number, of) = text.split_once('/')?;
    let shard = Shard { number: number.parse().ok()?, of: of.parse().ok()? };
    (1..=shard.of).contains(&shard.number).then_some(shard)
}

/// Accepts what explorers print. The explorer that has printed it parses the rest.
fn replay(text: &str) -> Option<String> {
    let (word, _) = text.split_once(':')?;
    ["crash", "fault", "schedule"].contains(&word).then(|| text.to_owned())
}

const REPLAYS: &str = "what a failure has printed, such as crash:17:all, fault:io:3 or schedule:a2b3";

fn unknown(name: &str, value: &OsString) -> Error {
    Error::new(ErrorKind::Environment, format!("unknown value of {name}: {:?}", value.to_string_lossy()))
}

/// Returns the folder of the package under test. cargo and nextest set it at run time, so a checkout may be moved after
/// the build. Without them (a debugger, a doctest), tests run in the folder of their package.
pub(crate) fn package_dir() -> PathBuf {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => PathBuf::from("."),
    }
}

/// Returns the name of the package under test, which cargo and nextest set at run time.
pub(crate) fn package_name() -> Option<String> {
    std::env::var("CARGO_PKG_NAME").ok().filter(|name| !name.is_empty())
}

/// Returns the name of this process's test if nextest runs it, which uses a process for each test.
pub(crate) fn nextest_test() -> Option<String> {
    std::env::var("NEXTEST_TEST_NAME").ok().filter(|name| !name.is_empty())
}

/// Returns the folder for kept databases and cached templates: `SQLITMUS_DIR`, else the folder `sqlitmus` in the target
/// folder of the running binary, else a folder of this user's in the folder for temporary files.
pub(crate) fn output_dir() -> Result<PathBuf> {
    if let Some(dir) = &settings()?.dir {
        return Ok(dir.clone());
    }
    static FOUND: OnceCell<Option<PathBuf>> = OnceCell::new();
    let target = FOUND.get_or_init(|| {
        let executable = std::env::current_exe().ok();
        executable.as_deref().and_then(target_dir)
    });
    match target {
        Some(target) => Ok(target.join("sqlitmus")),
        None => own_temporary_folder(),
    }
}

/// Returns a folder among the temporary files that belongs to this user alone. Others could put links or databases of theirs into
/// one that is shared.
fn own_temporary_folder() -> Result<PathBuf> {
    let user =
        ["USER", "USERNAME", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let user: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
    // In a container nobody may have a name.
    let user = if user.is_empty() { real_file::user_number() } else { user };
    let folder = std::env::temp_dir().join(format!("sqlitmus-{user}"));
    real_file::private_folder(&folder).map_err(|error| {
        Error::io("use the folder", &folder, error).help("set SQLITMUS_DIR to a folder of your own")
    })?;
    Ok(folder)
}

/// Returns the target folder of a test binary. cargo marks it with CACHEDIR.TAG. An archive of nextest is unpacked
/// without the tag; there it is the grandparent of `deps`. A doctest runs from a temporary folder and has no target
/// folder.
fn target_dir(executable: &Path) -> Option<PathBuf> {
    let tagged = executable.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let unpacked = || {
        let deps = executable.ancestors().skip(1).find(|folder| folder.ends_with("deps"))?;
        deps.parent()?.parent()
    };
    tagged.or_else(unpacked).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use super::{Keep, Settings, parse, target_dir};

    fn parsed(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        parse(variables).map_err(|error| error.to_string())
    }

    #[test]
    fn other_variables_are_ignored() {
        let settings = parsed(&[("PATH", "/bin"), ("RUST_LOG", "sqlitmus")]).unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn known_values_are_taken() {
        let settings =
            parsed(&[("SQLITMUS_KEEP", "always"), ("SQLITMUS_CACHE", "off"), ("SQLITMUS_DIR", "/x")]).unwrap();
        let dir = Some(PathBuf::from("/x"));
        assert_eq!(settings, Settings { keep: Keep::Always, cache: false, dir, ..Settings::default() });
        for (value, check) in [("1", true), ("on", true), ("0", false), ("off", false), ("", false)] {
            assert_eq!(parsed(&[("SQLITMUS_CHECK", value)]).unwrap().check, check, "{value}");
        }
        assert_eq!(parsed(&[("SQLITMUS_KEEP", "")]).unwrap().keep, Keep::OnFailure);
    }

    #[test]
    fn an_unknown_value_lists_the_known_ones() {
        assert_eq!(
            parsed(&[("SQLITMUS_KEEP", "yes")]).unwrap_err(),
            "unknown value of SQLITMUS_KEEP: \"yes\"\n\n  help: the known ones are failure, always, never"
        );
    }

    #[test]
    fn a_seed_and_a_shard_are_numbers() {
        let settings = parsed(&[("SQLITMUS_SEED", "0x5f3a"), ("SQLITMUS_SHARD", "2/3")]).unwrap();
        assert_eq!(settings.seed, Some(0x5f3a));
        assert_eq!((0..6).filter(|index| settings.shard.has(*index)).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(parsed(&[("SQLITMUS_SEED", "17")]).unwrap().seed, Some(17));
        assert_eq!(parsed(&[("SQLITMUS_SEED", "")]).unwrap().seed, None);
        for (name, value) in [("SQLITMUS_SHARD", "4/3"), ("SQLITMUS_SHARD", "0/3"), ("SQLITMUS_SEED", "0xg")] {
            assert!(parsed(&[(name, value)]).is_err(), "{name}={value}");
        }
        assert_eq!(
            parsed(&[("SQLITMUS_SHARD", "3")]).unwrap_err(),
            "unknown value of SQLITMUS_SHARD: \"3\"\n\n  help: it takes one part of several, such as 1/4"
        );
    }

    #[test]
    fn a_replay_begins_with_the_word_of_an_explorer() {
        assert_eq!(parsed(&[("SQLITMUS_REPLAY", "crash:17:all")]).unwrap().replay.as_deref(), Some("crash:17:all"));
        assert_eq!(
            parsed(&[("SQLITMUS_REPLAY", "schedul:a2b3")]).unwrap_err(),
            "unknown value of SQLITMUS_REPLAY: \"schedul:a2b3\"\n\n  help: it takes what a failure has printed, such as \
             crash:17:all, fault:io:3 or schedule:a2b3"
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(
            parsed(&[("SQLITMUS_KEPT", "always")]).unwrap_err(),
            "unknown environment variable SQLITMUS_KEPT\n\n  \
             help: the known ones are SQLITMUS_ACCEPT, SQLITMUS_CACHE, SQLITMUS_CHECK, SQLITMUS_DIR, SQLITMUS_KEEP, SQLITMUS_LEDGER, \
             SQLITMUS_REPLAY, SQLITMUS_SEED, SQLITMUS_SHARD"
        );
    }

    #[test]
    fn an_unpacked_archive_has_a_target_folder_without_a_tag() {
        let executable = Path::new("/nowhere/target/debug/deps/it-0f3a");
        assert_eq!(target_dir(executable), Some(PathBuf::from("/nowhere/target")));
        assert_eq!(target_dir(Path::new("/nowhere/rustdoctest/rust_out")), None);
    }
}
