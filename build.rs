//! Puts the web pages into the binary: a list of the files in `web/dist`, which `make demo` or `npm run build` makes.
//! The list is empty where nothing has been built.
#![allow(clippy::print_stdout, reason = "that is how a build script talks to Cargo")]

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

const PAGES: &str = "web/dist";

fn main() -> io::Result<()> {
    let variable = |name| env::var_os(name).map(PathBuf::from).unwrap_or_default();
    let pages = variable("CARGO_MANIFEST_DIR").join(PAGES);
    println!("cargo::rerun-if-changed={PAGES}");
    let mut files = Vec::new();
    collect(&pages, &mut files)?;
    files.sort();
    let mut list = String::from("&[\n");
    // All but .gitignore, and what goes with another.
    for file in
        files.iter().filter(|file| file.extension().is_some_and(|extension| extension != "gz"))
    {
        let content = fs::read(file)?;
        let mut hash = DefaultHasher::new();
        content.hash(&mut hash);
        let path = file.strip_prefix(&pages).map_err(io::Error::other)?;
        let compressed = PathBuf::from(format!("{}.gz", file.display()));
        let compressed = match files.binary_search(&compressed) {
            Ok(_) => format!("Some(include_bytes!({compressed:?}))"),
            Err(_) => "None".into(),
        };
        list += &format!(
            "Asset {{ path: {path:?}, tag: \"{:016x}\", content: include_bytes!({file:?}), compressed: {compressed} }},\n",
            hash.finish()
        );
    }
    list += "]\n";
    fs::write(variable("OUT_DIR").join("assets.rs"), list)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), files)?,
            false => files.push(entry.path()),
        }
    }
    Ok(())
}
