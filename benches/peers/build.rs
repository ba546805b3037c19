//! Copies the shop's history to the layouts of refinery and diesel, and writes the code that embeds it.
//!
//! Apps embed their migrations at compile time, with the macro of their runner. These macros take a literal path, so
//! the calls are generated here too. sqlx reads the folder unchanged.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let shop = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../fixtures/shop/migrations");
    println!("cargo::rerun-if-changed={}", shop.display());
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let (refinery, diesel) = (out.join("refinery"), out.join("diesel"));
    for folder in [&refinery, &diesel] {
        // A migration that was renamed since the last build must not be embedded twice.
        let _ = fs::remove_dir_all(folder);
        fs::create_dir(folder).unwrap();
    }

    let mut files: Vec<PathBuf> = fs::read_dir(shop).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut steps = String::new();
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let (version, name) = stem.split_once('_').unwrap();
        fs::copy(&file, refinery.join(format!("V{version}__{name}.sql"))).unwrap();
        fs::create_dir(diesel.join(stem)).unwrap();
        fs::copy(&file, diesel.join(stem).join("up.sql")).unwrap();
        writeln!(steps, "    rusqlite_migration::M::up(include_str!({file:?})),").unwrap();
    }
    let code = format!(
        "pub mod refinery_shop {{ refinery::embed_migrations!({refinery:?}); }}\n\
         pub const DIESEL: diesel_migrations::EmbeddedMigrations = diesel_migrations::embed_migrations!({diesel:?});\n\
         pub const STEPS: &[rusqlite_migration::M<'_>] = &[\n{steps}];\n"
    );
    fs::write(out.join("embedded.rs"), code).unwrap();
}
