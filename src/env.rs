//! The only reader of the environment.
//!
//! A misspelt variable that is silently ignored costs an afternoon, so an unknown `SQLITMUS_*` name or value is an error
//! that lists the known ones.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use once_cell::sync::OnceCell;

use crate::error::{Error, ErrorKind, Result};

/// When a test's database is kept as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// When the test panics.
    OnFailure,
    /// Always, to look at what a passing test leaves.
    Always,
    /// Never, for machines whose disks are not read afterwards.
    Never,
}

/// What the `SQLITMUS_*` variables ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) keep: Keep,
    pub(crate) cache: bool,
    /// Whether every test's database is checked when the test ends.
    pub(crate) check: bool,
    /// Where kept databases and the cache go, instead of the target folder.
    pub(crate) dir: Option<PathBuf>,
}

const NAMES: [&str; 4] = ["SQLITMUS_CACHE", "SQLITMUS_CHECK", "SQLITMUS_DIR", "SQLITMUS_KEEP"];

/// The settings of this process, read once.
pub(crate) fn settings() -> Result<&'static Settings> {
    static SETTINGS: OnceCell<Settings> = OnceCell::new();
    SETTINGS.get_or_try_init(|| parse(std::env::vars_os()))
}

fn parse(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Settings> {
    let mut settings = Settings { keep: Keep::OnFailure, cache: true, check: false, dir: None };
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with("SQLITMUS_")) else { continue };
        match name {
            "SQLITMUS_KEEP" => {
                settings.keep = choose(
                    name,
                    &value,
                    &[("failure", Keep::OnFailure), ("always", Keep::Always), ("never", Keep::Never)],
                )?;
            }
            "SQLITMUS_CACHE" => settings.cache = choose(name, &value, &[("on", true), ("off", false)])?,
            "SQLITMUS_CHECK" => {
                let choices = [("off", false), ("on", true), ("0", false), ("1", true)];
                settings.check = choose(name, &value, &choices)?;
            }
            "SQLITMUS_DIR" if value.is_empty() => {}
            "SQLITMUS_DIR" => settings.dir = Some(PathBuf::from(value)),
            _ => {
                return Err(Error::new(ErrorKind::Environment, format!("unknown environment variable {name}"))
                    .help(format!("the known ones are {}", NAMES.join(", "))));
            }
        }
    }
    Ok(settings)
}

fn choose<T: Copy>(name: &str, value: &OsString, choices: &[(&str, T)]) -> Result<T> {
    // An empty value is how shells and CI files unset a variable. The first choice is the default.
    if value.is_empty() {
        return Ok(choices[0].1);
    }
    for (word, choice) in choices {
        if value == word {
            return Ok(*choice);
        }
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    Err(Error::new(ErrorKind::Environment, format!("unknown value of {name}: {:?}", value.to_string_lossy()))
        .help(format!("the known ones are {}", words.join(", "))))
}

/// The folder of the package under test. cargo and nextest set it anew at run time, also where the checkout was moved
/// after the build; without them (a debugger, a doctest) tests run in the folder of their package.
pub(crate) fn package_dir() -> PathBuf {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => PathBuf::from("."),
    }
}

/// Whether nextest runs every test in a process of its own, and the name that it gives to this one's test.
pub(crate) fn nextest_test() -> Option<String> {
    std::env::var("NEXTEST_TEST_NAME").ok().filter(|name| !name.is_empty())
}

/// Where databases are kept and templates cached: `SQLITMUS_DIR`, else the folder `sqlitmus` in the target folder of the
/// running binary, else in the folder for temporary files.
pub(crate) fn output_dir() -> Result<PathBuf> {
    if let Some(dir) = &settings()?.dir {
        return Ok(dir.clone());
    }
    static FOUND: OnceCell<PathBuf> = OnceCell::new();
    let target = FOUND.get_or_init(|| {
        let executable = std::env::current_exe().ok();
        executable.as_deref().and_then(target_dir).unwrap_or_else(std::env::temp_dir)
    });
    Ok(target.join("sqlitmus"))
}

/// cargo marks its target folder with CACHEDIR.TAG. An archive of nextest's is unpacked without the tag: there it is the
/// grandparent of `deps`. A doctest runs from a temporary folder and has none.
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
    fn other_variables_are_none_of_our_business() {
        let settings = parsed(&[("PATH", "/bin"), ("RUST_LOG", "sqlitmus")]).unwrap();
        assert_eq!(settings, Settings { keep: Keep::OnFailure, cache: true, check: false, dir: None });
    }

    #[test]
    fn known_values_are_taken() {
        let settings =
            parsed(&[("SQLITMUS_KEEP", "always"), ("SQLITMUS_CACHE", "off"), ("SQLITMUS_DIR", "/x")]).unwrap();
        let dir = Some(PathBuf::from("/x"));
        assert_eq!(settings, Settings { keep: Keep::Always, cache: false, check: false, dir });
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
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(
            parsed(&[("SQLITMUS_KEPT", "always")]).unwrap_err(),
            "unknown environment variable SQLITMUS_KEPT\n\n  \
             help: the known ones are SQLITMUS_CACHE, SQLITMUS_CHECK, SQLITMUS_DIR, SQLITMUS_KEEP"
        );
    }

    #[test]
    fn an_unpacked_archive_has_a_target_folder_without_a_tag() {
        let executable = Path::new("/nowhere/target/debug/deps/it-0f3a");
        assert_eq!(target_dir(executable), Some(PathBuf::from("/nowhere/target")));
        assert_eq!(target_dir(Path::new("/nowhere/rustdoctest/rust_out")), None);
    }
}
