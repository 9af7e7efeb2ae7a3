//! What shells and `man` know of the commands, made from the same definitions that read them.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::{
    error::{Error, Result},
    process,
};

/// What the foot of a manual page says.
const SOURCE: &str = concat!("Tidings ", env!("CARGO_PKG_VERSION"));

#[derive(Args)]
pub struct Completions {
    /// The shell that completes the commands.
    shell: Shell,
}

#[derive(Args)]
pub struct Man {
    /// Where the pages are written: one for each command. It must exist.
    directory: PathBuf,
}

/// Prints a script that the shell reads.
pub fn completions(command: Completions) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "tidings", &mut script);
    process::print(&String::from_utf8_lossy(&script))
}

/// Writes `tidings.1`, `tidings-serve.1` and so on.
pub fn man(command: Man) -> Result<()> {
    let Man { directory } = command;
    let mut tidings = Cli::command().disable_help_subcommand(true);
    // Gives each command its full name.
    tidings.build();
    write_pages(&tidings, &directory)
        .map_err(|error| Error::invalid("DIRECTORY", format!("{}: {error}", directory.display())))
}

/// The page of a command, and those of the commands below it.
fn write_pages(command: &Command, directory: &Path) -> io::Result<()> {
    for below in command.get_subcommands() {
        write_pages(below, directory)?;
    }
    let page = clap_mangen::Man::new(command.clone());
    page.source(SOURCE).manual("Tidings").generate_to(directory).map(drop)
}
