//! The public API, compared with the list in `docs/api.txt`, so that no change of it goes unnoticed.
//!
//! `ACCEPT=api cargo test --test it public_api` writes the list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use quote::ToTokens;
use syn::{Fields, ImplItem, Item, ItemImpl, TraitItem, Type, UseTree, Visibility};

#[test]
fn the_api_is_as_it_was_reviewed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.txt");
    let now = lines(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    if env::var_os("ACCEPT").is_some_and(|what| what == "api") {
        fs::write(&file, now.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let kept: BTreeSet<String> = kept.lines().map(str::to_owned).collect();
    let gone: Vec<String> = kept.difference(&now).map(|line| format!("- {line}")).collect();
    let new: Vec<String> = now.difference(&kept).map(|line| format!("+ {line}")).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "the public API is not that of docs/api.txt:\n\n{}\n\nif it is meant, write it down in CHANGELOG.md, and: ACCEPT=api \
         cargo test --test it public_api\n",
        [gone, new].concat().join("\n")
    );
}

/// A changed method, a new function and a type that is private show or do not show.
#[test]
fn changes_show() {
    let folder = tempfile::tempdir().unwrap();
    let list = |text: &str| {
        fs::write(folder.path().join("lib.rs"), "mod inner; pub use inner::{Open, work};").unwrap();
        fs::write(folder.path().join("inner.rs"), text).unwrap();
        lines(folder.path()).into_iter().collect::<Vec<_>>()
    };
    let text = "pub struct Open { pub size: u8, secret: u8 } pub struct Closed; pub fn work(n: u8) {} pub fn other() {}
                impl Open { pub const fn of(self) -> u8 { 1 } fn hidden() {} #[doc(hidden)] pub fn unlisted() {} }
                impl Clone for Open { fn clone(&self) -> Open { todo!() } } impl Closed { pub fn no() {} }";
    let expected = [
        "fn work(n: u8)",
        "impl Clone for Open",
        "struct Open",
        "struct Open: const fn of(self) -> u8",
        "struct Open: size: u8",
    ];
    assert_eq!(list(text), expected);
    assert_ne!(list(&text.replace("of(self) -> u8", "of(self) -> u16")), expected);
    assert_ne!(list(&text.replace("size: u8", "size: u16")), expected);
    assert_eq!(list(&text.replace("secret: u8", "secret: u16").replace("no()", "yes()")), expected);
}

/// The path of a module, such as `["plan", "advice"]`. That of `lib.rs` is `[]`.
type Module = Vec<String>;

/// The source as it is: items by module.
#[derive(Default)]
struct Sources {
    modules: BTreeMap<Module, Vec<Item>>,
}

impl Sources {
    fn read(&mut self, file: &Path, folder: &Path, module: Module) {
        let items = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap().items;
        self.add(items, folder, module);
    }

    fn add(&mut self, mut items: Vec<Item>, folder: &Path, module: Module) {
        for item in &mut items {
            let Item::Mod(inner) = item else { continue };
            let name = inner.ident.to_string();
            if name == "tests" {
                continue;
            }
            let (path, below) = ([module.clone(), vec![name.clone()]].concat(), folder.join(&name));
            match inner.content.take() {
                Some((_, items)) => self.add(items, &below, path),
                None => {
                    let files: [PathBuf; 2] = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
                    self.read(files.iter().find(|file| file.exists()).unwrap(), &below, path);
                }
            }
        }
        self.modules.insert(module, items);
    }

    /// Returns the module and the item that a path leads to, through `pub use`.
    fn find(&self, module: &[String], path: &[String]) -> Option<(Module, &Item)> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => return self.find(&[], rest),
            "self" => return self.find(module, rest),
            "super" => return self.find(&module[..module.len() - 1], rest),
            _ => {}
        }
        let items = self.modules.get(module)?;
        if rest.is_empty()
            && let Some(item) = items.iter().find(|item| named(item).is_some_and(|(name, _)| name == *first))
        {
            return Some((module.to_vec(), item));
        }
        let inner = [module.to_vec(), vec![first.clone()]].concat();
        if !rest.is_empty() && self.modules.contains_key(&inner) {
            return self.find(&inner, rest);
        }
        // Another name for something.
        let uses = items.iter().filter_map(|item| if let Item::Use(found) = item { Some(&found.tree) } else { None });
        uses.flat_map(|tree| used(tree, &[]))
            .find(|(name, _)| name == first)
            .and_then(|(_, target)| (target != path).then(|| self.find(module, &[&target, rest].concat())).flatten())
    }
}

/// Returns the names that a `use` brings, with their paths.
fn used(tree: &UseTree, before: &[String]) -> Vec<(String, Module)> {
    let with = |name: &dyn ToString| [before.to_vec(), vec![name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => used(&path.tree, &with(&path.ident)),
        UseTree::Name(name) if name.ident == "self" => vec![(before[before.len() - 1].clone(), before.to_vec())],
        UseTree::Name(name) => vec![(name.ident.to_string(), with(&name.ident))],
        UseTree::Rename(rename) => vec![(rename.rename.to_string(), with(&rename.ident))],
        UseTree::Group(group) => group.items.iter().flat_map(|tree| used(tree, before)).collect(),
        UseTree::Glob(_) => panic!("a list of names cannot follow `use {}::*`", before.join("::")),
    }
}

/// Returns the name and the visibility of an item.
fn named(item: &Item) -> Option<(String, &Visibility)> {
    let (name, visibility) = match item {
        Item::Fn(it) => (&it.sig.ident, &it.vis),
        Item::Struct(it) => (&it.ident, &it.vis),
        Item::Enum(it) => (&it.ident, &it.vis),
        Item::Trait(it) => (&it.ident, &it.vis),
        Item::Type(it) => (&it.ident, &it.vis),
        Item::Const(it) => (&it.ident, &it.vis),
        Item::Static(it) => (&it.ident, &it.vis),
        _ => return None,
    };
    Some((name.to_string(), visibility))
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_hidden(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("doc") && tokens(&attribute.meta).contains("hidden"))
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Fn(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        _ => &[],
    }
}

/// Returns Rust as it is written, without the blanks around each token.
fn tokens(of: &impl ToTokens) -> String {
    let mut text = of.to_token_stream().to_string();
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" :", ":"),
        ("& ", "&"),
        (",)", ")"),
        (" ;", ";"),
        ("[ ", "["),
        (" ]", "]"),
        ("-> ", "-> "),
        ("' ", "'"),
        (" =>", " =>"),
    ] {
        text = text.replace(from, to);
    }
    text.replace("mut self", "self").replace("->", " -> ").replace("  ", " ").replace("  ", " ")
}

/// The lines of the list.
struct Listing<'a> {
    sources: &'a Sources,
    lines: BTreeSet<String>,
    /// The public names of types, by the module that declares each and the name there.
    types: BTreeMap<(Module, String), String>,
}

fn lines(src: &Path) -> BTreeSet<String> {
    let mut sources = Sources::default();
    sources.read(&src.join("lib.rs"), src, Vec::new());
    let mut listing = Listing { sources: &sources, lines: BTreeSet::new(), types: BTreeMap::new() };
    listing.module(&[], "");
    for (module, items) in &sources.modules {
        for item in items {
            match item {
                Item::Impl(block) => listing.block(module, block),
                Item::Macro(found)
                    if found.attrs.iter().any(|it| it.path().is_ident("macro_export")) && !is_hidden(&found.attrs) =>
                {
                    listing.lines.insert(format!("macro {}!", found.ident.as_ref().unwrap()));
                }
                _ => {}
            }
        }
    }
    listing.lines
}

impl Listing<'_> {
    /// Adds what a public module shows. `path` is its public name, with `::` at the end.
    fn module(&mut self, module: &[String], path: &str) {
        for item in &self.sources.modules[module] {
            if is_hidden(attributes(item)) {
                continue;
            }
            match item {
                Item::Mod(inner) if is_public(&inner.vis) => {
                    self.lines.insert(format!("mod {path}{}", inner.ident));
                    let below = [module.to_vec(), vec![inner.ident.to_string()]].concat();
                    self.module(&below, &format!("{path}{}::", inner.ident));
                }
                Item::Use(found) if is_public(&found.vis) => {
                    for (name, target) in used(&found.tree, &[]) {
                        match self.sources.find(module, &target) {
                            Some((home, item)) => self.item(&home, item, &format!("{path}{name}")),
                            None => self.line(format!("use {path}{name}")),
                        }
                    }
                }
                _ => {
                    if let Some((name, visibility)) = named(item)
                        && is_public(visibility)
                    {
                        self.item(module, item, &format!("{path}{name}"));
                    }
                }
            }
        }
    }

    fn item(&mut self, home: &[String], item: &Item, path: &str) {
        let name = named(item).map(|(name, _)| name).unwrap_or_default();
        let mut of_type = |what: &str| {
            self.types.insert((home.to_vec(), name.clone()), path.to_owned());
            self.lines.insert(format!("{what} {path}"));
        };
        match item {
            Item::Fn(it) => self.line(tokens(&it.sig).replacen(&format!("fn {name}"), &format!("fn {path}"), 1)),
            Item::Struct(it) => {
                of_type("struct");
                self.derives(&it.attrs, path);
                if let Fields::Named(fields) = &it.fields {
                    for field in fields.named.iter().filter(|field| is_public(&field.vis)) {
                        let (name, of) = (field.ident.as_ref().unwrap(), tokens(&field.ty));
                        self.lines.insert(format!("struct {path}: {name}: {of}"));
                    }
                }
            }
            Item::Enum(it) => {
                of_type("enum");
                self.derives(&it.attrs, path);
                for variant in &it.variants {
                    let fields = variant.fields.iter().map(|field| match &field.ident {
                        Some(name) => format!("{name}: {}", tokens(&field.ty)),
                        None => tokens(&field.ty),
                    });
                    let fields = fields.collect::<Vec<_>>().join(", ");
                    let fields = if fields.is_empty() { fields } else { format!("({fields})") };
                    self.lines.insert(format!("enum {path}: {}{fields}", variant.ident));
                }
            }
            Item::Trait(it) => {
                of_type("trait");
                for item in &it.items {
                    if let TraitItem::Fn(method) = item {
                        self.lines.insert(format!("trait {path}: {}", tokens(&method.sig)));
                    }
                }
            }
            Item::Type(it) => self.line(format!("type {path} = {}", tokens(&it.ty))),
            Item::Const(it) => self.line(format!("const {path}: {}", tokens(&it.ty))),
            Item::Static(it) => self.line(format!("static {path}: {}", tokens(&it.ty))),
            _ => {}
        }
    }

    fn line(&mut self, line: String) {
        self.lines.insert(line);
    }

    fn derives(&mut self, attributes: &[syn::Attribute], path: &str) {
        if attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive")) {
            self.lines.insert(format!("non_exhaustive {path}"));
        }
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
            let list = tokens(&attribute.meta.require_list().unwrap().tokens);
            for of in list.split(',').map(str::trim).filter(|of| !of.is_empty()) {
                self.lines.insert(format!("impl {of} for {path}"));
            }
        }
    }

    /// Adds the methods and traits of public types.
    fn block(&mut self, module: &[String], block: &ItemImpl) {
        let Type::Path(of) = &*block.self_ty else { return };
        let path: Module = of.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let Some((home, item)) = self.sources.find(module, &path) else { return };
        let name = named(item).map(|(name, _)| name).unwrap_or_default();
        let Some(path) = self.types.get(&(home, name)) else { return };
        if let Some((of, _)) = &block.trait_ {
            // `printable!` makes a `Display` of our own trait.
            let of = tokens(of);
            let of = if of == "Raw" { "Display" } else { of.rsplit("fmt::").next().unwrap_or(&of) };
            self.lines.insert(format!("impl {of} for {path}"));
            return;
        }
        let kind = if matches!(item, Item::Enum(_)) { "enum" } else { "struct" };
        for item in &block.items {
            match item {
                ImplItem::Fn(method) if is_public(&method.vis) && !is_hidden(&method.attrs) => {
                    self.lines.insert(format!("{kind} {path}: {}", tokens(&method.sig)));
                }
                ImplItem::Const(it) if is_public(&it.vis) => {
                    self.lines.insert(format!("{kind} {path}: const {}: {}", it.ident, tokens(&it.ty)));
                }
                _ => {}
            }
        }
    }
}
