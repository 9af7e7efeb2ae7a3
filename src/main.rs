use std::process::ExitCode;

use clap::Parser;
use tidings::{cli, error::Error};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidings: {}", explain(error));
            ExitCode::FAILURE
        }
    }
}

/// For the operator at the terminal, who may know everything.
fn explain(error: Error) -> String {
    match error {
        Error::Invalid { field, message } => format!("{field}: {message}"),
        Error::Internal(cause) | Error::Unavailable(cause) | Error::Conflict(cause) => cause,
        error => format!("{error:?}"),
    }
}
