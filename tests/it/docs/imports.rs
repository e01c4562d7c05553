//! What each file of `src` takes from which other, read from its text.
//!
//! A name that comes through a re-export is followed to the file that defines it, so that a `mod.rs` which
//! only gathers names ties nothing together. `use` lines count, and paths in code (`crate::…`, `super::…`, and
//! those that begin with a module that is in scope); tests and comments do not.

use super::root;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// One file of `src`.
pub struct Source {
    pub path: PathBuf,
    /// Its modules below the crate, such as `["net", "proxy"]`.
    pub module: Vec<String>,
    pub text: String,
}

/// All files, and what they take from each other.
pub struct House {
    pub sources: Vec<Source>,
    /// From which file to which.
    pub arrows: BTreeSet<(usize, usize)>,
}

/// A path that a `use` brings into scope under a name.
struct Import {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

struct Read {
    code: String,
    imports: Vec<Import>,
}

impl Source {
    /// The first part of its path below `src`.
    pub fn room(&self) -> &str {
        self.module.first().map_or_else(|| self.path.file_stem().unwrap().to_str().unwrap(), String::as_str)
    }

    fn is_test(&self) -> bool {
        self.module.iter().any(|part| part == "tests" || part.starts_with("test_"))
    }

    /// The text without comments and unit tests.
    pub fn code(&self) -> String {
        let code = |line: &str| match line.trim_start().starts_with("//") {
            true => String::new(),
            false => line.split(" // ").next().unwrap_or_default().to_owned(),
        };
        let text = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        // A module inside a file is that file: what it takes from `super` stands beside it.
        let mut is_inside = false;
        let mut code = |line: &str| {
            is_inside |= line.starts_with("mod ") && line.ends_with('{');
            is_inside &= line != "}";
            if is_inside { code(line).replace("super::", "self::") } else { code(line) }
        };
        text.lines().map(|line| code(line) + "\n").collect()
    }
}

impl House {
    /// Reads `src`.
    pub fn read() -> Self {
        let sources = sources();
        let reads: Vec<Read> = sources.iter().map(|source| Read::of(&source.code())).collect();
        let files: BTreeMap<Vec<String>, usize> =
            sources.iter().enumerate().map(|(index, source)| (source.module.clone(), index)).collect();
        let mut arrows = BTreeSet::new();
        let resolver = Resolver { files: &files, reads: &reads };
        for (index, source) in sources.iter().enumerate().filter(|(_, source)| !source.is_test()) {
            for path in reads[index].paths(&resolver, &source.module) {
                if let Some(target) = resolver.file(&path, 0)
                    && target != index
                    && !sources[target].is_test()
                {
                    arrows.insert((index, target));
                }
            }
        }
        Self { sources, arrows }
    }

    /// Files that take from each other, however long the way around.
    pub fn circles(&self) -> Vec<Vec<usize>> {
        let reach: Vec<BTreeSet<usize>> = (0..self.sources.len()).map(|from| self.reached(from)).collect();
        let mut circles: Vec<Vec<usize>> = Vec::new();
        for from in 0..self.sources.len() {
            if reach[from].contains(&from) && !circles.iter().any(|circle| circle.contains(&from)) {
                circles.push(reach[from].iter().copied().filter(|to| reach[*to].contains(&from)).collect());
            }
        }
        circles
    }

    fn reached(&self, from: usize) -> BTreeSet<usize> {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(at) = open.pop() {
            for (_, to) in self.arrows.range((at, 0)..(at + 1, 0)) {
                if reached.insert(*to) {
                    open.push(*to);
                }
            }
        }
        reached
    }
}

struct Resolver<'a> {
    files: &'a BTreeMap<Vec<String>, usize>,
    reads: &'a [Read],
}

impl Resolver<'_> {
    fn is_module(&self, path: &[String]) -> bool {
        self.files.contains_key(path)
    }

    /// The file that defines what an absolute path names; `None` for a module that only gathers names.
    fn file(&self, path: &[String], depth: usize) -> Option<usize> {
        let deepest = (0..=path.len()).rev().find(|end| self.is_module(&path[..*end]))?;
        let file = self.files[&path[..deepest]];
        let Some(name) = path.get(deepest) else {
            let is_gate = self.files.keys().any(|other| other.len() > deepest && other.starts_with(path));
            return (!is_gate).then_some(file);
        };
        let import = self.reads[file].imports.iter().find(|import| import.name == *name);
        match import.filter(|_| depth < 9) {
            Some(import) => {
                let path = self.absolute(&import.path, &path[..deepest])?;
                self.file(&path, depth + 1)
            }
            None => Some(file),
        }
    }

    /// A path as it stands in a module, from the crate on; `None` for other crates.
    fn absolute(&self, path: &[String], module: &[String]) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (base, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            first => {
                base.push(first.to_owned());
                if !self.is_module(&base) {
                    return None;
                }
                rest = &path[1..];
            }
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }
}

impl Read {
    fn of(code: &str) -> Self {
        let (mut imports, mut rest) = (Vec::new(), String::new());
        let mut left = code;
        while let Some((before, is_public, tree, after)) = next_use(left) {
            rest.push_str(before);
            expand(tree, &[], is_public, &mut imports);
            left = after;
        }
        rest.push_str(left);
        Self { code: rest, imports }
    }

    /// The absolute paths that this file uses; what it merely passes on is not used.
    fn paths(&self, resolver: &Resolver<'_>, module: &[String]) -> Vec<Vec<String>> {
        let mut found: Vec<Vec<String>> = self
            .imports
            .iter()
            .filter(|import| !import.is_public)
            .filter_map(|import| resolver.absolute(&import.path, module))
            .collect();
        for path in paths_in(&self.code) {
            let import = self.imports.iter().find(|import| import.name == path[0]);
            let written = match import {
                Some(import) => [&import.path[..], &path[1..]].concat(),
                None => path,
            };
            found.extend(resolver.absolute(&written, module));
        }
        found
    }
}

/// The next `use`: what stands before it, whether it is a re-export, its tree, and what follows.
fn next_use(code: &str) -> Option<(&str, bool, &str, &str)> {
    let starts = |at: usize| code[..at].rsplit('\n').next().unwrap_or_default().trim_start();
    let at = code.match_indices("use ").map(|(at, _)| at).find(|at| {
        let before = starts(*at);
        before.is_empty() || before == "pub " || (before.starts_with("pub(") && before.ends_with(") "))
    })?;
    let end = at + code[at..].find(';')?;
    Some((&code[..at], !starts(at).is_empty(), &code[at + 4..end], &code[end + 1..]))
}

/// The paths of a tree such as `a::{self, b::C as D}`.
fn expand(tree: &str, before: &[String], is_public: bool, imports: &mut Vec<Import>) {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let mut path = before.to_vec();
        path.extend(head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
        let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
        let (mut depth, mut start) = (0, 0);
        for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    if !group[start..at].trim().is_empty() {
                        expand(&group[start..at], &path, is_public, imports);
                    }
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
    let mut whole = before.to_vec();
    whole.extend(path.split("::").map(|part| part.trim().to_owned()));
    if whole.len() > 1 && whole.last().is_some_and(|part| part == "self") {
        whole.pop();
    }
    let name =
        alias.map_or_else(|| whole.last().cloned().unwrap_or_default(), |alias| alias.trim().to_owned());
    imports.push(Import { path: whole, name, is_public });
}

/// Paths of at least two parts that stand in code.
fn paths_in(code: &str) -> Vec<Vec<String>> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    code.split(|character: char| !is_part(character) && character != ':')
        .filter(|word| word.contains("::"))
        .map(|word| {
            word.split("::").map(str::to_owned).take_while(|part| !part.contains(':')).collect::<Vec<_>>()
        })
        .filter(|path| path.len() > 1 && !path[0].is_empty())
        .map(|path| path.into_iter().filter(|part| !part.is_empty()).collect())
        .collect()
}

fn sources() -> Vec<Source> {
    let (src, mut sources) = (root().join("src"), Vec::new());
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = module(path.strip_prefix(&src).unwrap());
                sources.push(Source { module, text: fs::read_to_string(&path).unwrap(), path });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// `net/proxy/mod.rs` is `net::proxy`; the crate's own files are modules without a name, or of theirs.
fn module(path: &Path) -> Vec<String> {
    let mut parts: Vec<String> =
        path.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if ["mod", "lib"].contains(&parts.last().map_or("", String::as_str)) {
        parts.pop();
    }
    parts
}

#[test]
fn trees_and_paths_are_read() {
    let read =
        Read::of("use super::{self, a::{B, c as d}};\npub(super) use e::F;\nfn f() -> g::H { d::x() }\n");
    let shown: Vec<String> = read
        .imports
        .iter()
        .map(|import| format!("{} {} {}", import.path.join("::"), import.name, import.is_public))
        .collect();
    assert_eq!(shown, ["super super false", "super::a::B B false", "super::a::c d false", "e::F F true"]);
    assert_eq!(paths_in(&read.code), [["g", "H"], ["d", "x"]].map(|path| path.map(str::to_owned).to_vec()));
}
