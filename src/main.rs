// A release build of a server is deeper than the default.
#![recursion_limit = "256"]

use std::process::ExitCode;

use clap::Parser;
use tidings::{cli, error::Error};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = tokio::runtime::Runtime::new().map_err(|error| Error::internal(error)).and_then(
        |runtime| {
            let outcome = runtime.block_on(cli::run(cli::Cli::parse()));
            // Anything still running has had its time, and is not waited for.
            runtime.shutdown_background();
            outcome
        },
    );
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidings: {}", error.for_operator());
            ExitCode::FAILURE
        }
    }
}
