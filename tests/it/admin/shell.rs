//! Help, manual pages and completions.

use std::{
    path::Path,
    process::{Command, Output},
};

use clap::CommandFactory;
use tidings::cli::Cli;

use super::refusal;
use crate::support::process::{printed, tidings};

/// All commands, with the words that call them: `users list`.
fn commands(command: &clap::Command, words: &str, found: &mut Vec<(String, clap::Command)>) {
    for below in command.get_subcommands() {
        let words = format!("{words} {}", below.get_name()).trim().to_owned();
        found.push((words.clone(), below.clone()));
        commands(below, &words, found);
    }
}

fn all_commands() -> Vec<(String, clap::Command)> {
    let mut found = Vec::new();
    commands(&Cli::command(), "", &mut found);
    found
}

#[test]
fn every_command_and_argument_has_a_help_text() {
    let commands = all_commands();
    assert!(commands.iter().any(|(words, _)| words == "users list"));
    let mut silent = Vec::new();
    for (words, command) in commands {
        silent.extend(command.get_about().is_none().then_some(words.clone()));
        let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
        silent.extend(arguments.map(|argument| format!("{words}: {}", argument.get_id())));
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let directory = tempfile::tempdir().unwrap();
    printed(tidings(directory.path()).args(["man", "."]).output().unwrap());
    let page = |name: &str| {
        let file = directory.path().join(format!("{name}.1"));
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let commands = all_commands();
    for (words, command) in &commands {
        let page = page(&format!("tidings-{}", words.replace(' ', "-")));
        let about = command.get_about().unwrap().to_string();
        let begin: Vec<_> = about.split_whitespace().take(3).collect();
        assert!(page.contains(&begin.join(" ")), "{words}: {page}");
        for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(page.contains(&flag.replace('-', "\\-")), "{words}: --{flag}: {page}");
        }
    }
    let count = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(count, commands.len() + 1);
    assert!(page("tidings").contains("tidings\\-users(1)"));

    let refused = refusal(tidings(directory.path()).args(["man", "none"]).output().unwrap());
    assert!(refused.starts_with("tidings: DIRECTORY: none: No such file"), "{refused}");
}

#[test]
fn shells_complete_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let script = |shell: &str| {
        printed(tidings(directory.path()).args(["completions", shell]).output().unwrap())
    };
    let (bash, zsh, fish) = (script("bash"), script("zsh"), script("fish"));
    for (words, _) in all_commands() {
        let state = format!("tidings__subcmd__{}", words.replace(' ', "__subcmd__"));
        let last = words.rsplit(' ').next().unwrap();
        assert!(
            bash.contains(&format!("cmd=\"{}\"", state.replace('-', "__subcmd__"))),
            "bash: {words}"
        );
        assert!(zsh.contains(&format!("_{state}_commands()")), "zsh: {words}");
        assert!(fish.contains(&format!(" -a \"{last}\" ")), "fish: {words}");
    }
    std::fs::write(directory.path().join("script"), bash).unwrap();
    let complete = |words: &str| {
        let ask = "source ./script; COMP_WORDS=($0); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); \
                   COMP_LINE=$0; _tidings tidings \"${COMP_WORDS[-1]}\" \"${COMP_WORDS[-2]}\"; \
                   echo \"${COMPREPLY[@]}\"";
        printed(in_bash(directory.path(), ask, words))
    };
    assert_eq!(complete("tidings use"), "users\n");
    assert_eq!(complete("tidings users d"), "deactivate\n");
    assert!(
        complete("tidings users list --").contains("--search"),
        "{}",
        complete("tidings users list --")
    );
}

fn in_bash(directory: &Path, script: &str, argument: &str) -> Output {
    Command::new("bash").current_dir(directory).args(["-c", script, argument]).output().unwrap()
}
