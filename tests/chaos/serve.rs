//! `chaos serve`: the server under test. It is the library's own, from the listener to the signals,
//! with one difference: its clock differs from the system's by as many microseconds as the last
//! line on standard input says.

use std::{io::BufRead, process::ExitCode};

use chrono::TimeDelta;
use tidings::{
    cli,
    clock::Clock,
    config::{AddressBook, Config, Places, ReadingDetails},
};

pub const COMMAND: &str = "serve";
/// After it, items leave the inboxes and threads are deleted.
pub const RETENTION: TimeDelta = TimeDelta::days(1);
pub const SECRET: &str = "the secret of a server that lives for minutes";

/// `arguments`: the database's URL, where to listen, and how far the clock is ahead at first.
pub async fn run(arguments: &[String]) -> ExitCode {
    let [url, listen, ahead] = arguments else { return ExitCode::FAILURE };
    let (Ok(listen), Ok(ahead)) = (listen.parse(), ahead.parse()) else { return ExitCode::FAILURE };
    let clock = Clock::apart(TimeDelta::microseconds(ahead));
    let hourly = serde_json::from_value(serde_json::json!({"hourly": "1 hour"}));
    let config = Config {
        database_url: url.as_str().into(),
        listen,
        auth_secret: Some(SECRET.into()),
        // Clients that were away for a moment must meet a `resync` when the clock has moved on by a
        // day.
        retention_days: 1,
        inbox_retention: RETENTION.to_std().ok(),
        message_retention: RETENTION.to_std().ok(),
        // The clock goes on by days while somebody still repeats a request.
        idempotency_days: 3_650,
        reminder_frequencies: hourly.unwrap_or_default(),
        address_book: AddressBook::Everybody,
        reading_details: ReadingDetails::Names,
        log: "info,sea_orm_migration=warn".into(),
        ..Config::default()
    };
    let moved = clock.clone();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            moved.advance(TimeDelta::microseconds(line.trim().parse().unwrap_or_default()));
        }
    });
    match cli::serve(config, &Places::default(), clock).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(?error, "the server ends");
            ExitCode::FAILURE
        }
    }
}
