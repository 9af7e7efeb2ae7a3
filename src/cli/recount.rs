//! Checking whether everything that is counted is right, and repairing it.

use crate::{
    clock::Clock,
    config::Config,
    db::{self, Db},
    error::{Error, Result},
    process, recount,
};

pub async fn recount(config: &Config, fix: bool) -> Result<()> {
    let now = Clock::System.now();
    let report = match fix {
        true => {
            let (db, _) = Db::open(&config.database_url).await.map_err(|error| match error {
                Error::Unavailable(cause) => {
                    Error::Unavailable(format!("cannot repair: {cause}; stop it first"))
                }
                error => error,
            })?;
            let mut report = recount::check(db.read(), now).await?;
            if !report.findings.is_empty() {
                process::print(&report.to_string())?;
                recount::mend(&db, &report.findings, now).await?;
                process::print("repaired; checking again:\n")?;
                report = recount::check(db.read(), now).await?;
            }
            db.close().await;
            report
        }
        false => {
            let connection = db::beside(&config.database_url).await?;
            let report = recount::check(&connection, now).await?;
            let _ = connection.close().await;
            report
        }
    };
    process::print(&report.to_string())?;
    match report.findings.len() {
        0 => Ok(()),
        _ if fix => Err(Error::Conflict("something is still wrong".into())),
        _ => Err(Error::Conflict("something is wrong; --fix repairs it".into())),
    }
}
