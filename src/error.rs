//! Everything that can go wrong, as the caller hears of it. `gate` turns it into
//! `extensions.code`.
//!
//! It deliberately has no `Display`: async-graphql would show clients anything that has one, SQL
//! included.

use std::{any::Any, error::Error as StdError, fmt, panic::Location, sync::Arc};

use sea_orm::{DbErr, RuntimeErr, sqlx};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was found; None if it does not exist, or the caller may not know that it does.
pub fn known<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(Error::NotFound(_)) => Ok(None),
        found => found.map(Some),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The caller is unknown. The text says what is wrong with the token.
    Unauthenticated(&'static str),
    /// The caller's token was valid and has expired: a fresh one is of use.
    TokenExpired,
    /// The caller is known and deactivated, so a fresh token is of no use; `for_silence` if it was
    /// a campaign that they did not reply to.
    Deactivated { for_silence: bool },
    /// The caller is known, but their role does not permit this.
    Forbidden,
    /// It does not exist, or the caller may not know that it does. Names the kind of thing.
    NotFound(&'static str),
    /// An input that cannot be right; `field` is its path in the mutation's input or the arguments.
    Invalid { field: String, message: String },
    /// Valid in itself, but not possible in the current state.
    Conflict(String),
    /// The key was already used with a different input.
    IdempotencyKeyReused,
    /// More of something than the server allows.
    LimitExceeded(String),
    /// The database cannot be reached, or asked us to try again. Nothing was changed.
    Unavailable(String),
    /// A defect. Its cause is for the log only.
    Internal(Defect),
}

/// The cause of an internal error, and where it was noticed. Like [`Error`] it has no `Display`.
#[derive(Clone)]
pub struct Defect {
    source: Arc<dyn StdError + Send + Sync>,
    place: &'static Location<'static>,
}

impl Error {
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Invalid { field: field.into(), message: message.into() }
    }

    /// A defect at the place of the call. In `map_err`, call it from a closure: a function passed
    /// by name is called by the standard library, which would then be the place.
    #[track_caller]
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Error::Internal(Defect { source: source.into().into(), place: Location::caller() })
    }

    /// A defect that is a panic somewhere below.
    #[track_caller]
    pub fn panicked(panic: Box<dyn Any + Send>) -> Self {
        let text = match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("something").to_owned(),
        };
        Error::internal(format!("panicked: {text}"))
    }

    /// For the operator at the terminal, who may see everything.
    pub fn for_operator(&self) -> String {
        match self {
            Error::Invalid { field, message } => format!("{field}: {message}"),
            Error::Internal(defect) => defect.cause(),
            Error::Unavailable(cause) | Error::Conflict(cause) => cause.clone(),
            error => format!("{error:?}"),
        }
    }

    /// An error of the database, at the place of the call: use it in closures, as with
    /// [`Error::internal`].
    #[track_caller]
    pub fn database(error: DbErr) -> Self {
        match is_passing(&error) {
            true => Error::Unavailable(error.to_string()),
            false => Error::internal(error),
        }
    }
}

impl From<DbErr> for Error {
    #[track_caller]
    fn from(error: DbErr) -> Self {
        Error::database(error)
    }
}

impl Defect {
    /// What happened, and what caused it. Many errors repeat the text of their source in their own;
    /// it is then left out.
    ///
    /// Uses their `Display`: PostgreSQL's errors have the values of a row in their `Debug`.
    pub fn cause(&self) -> String {
        let mut text = self.source.to_string();
        let mut next = self.source.source();
        while let Some(source) = next {
            let more = source.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            next = source.source();
        }
        text
    }

    /// The file and the line.
    pub fn place(&self) -> String {
        format!("{}:{}", self.place.file(), self.place.line())
    }
}

impl fmt::Debug for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.cause(), self.place())
    }
}

/// Equal only if it is the same defect, not one like it.
impl PartialEq for Defect {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source)
    }
}

impl Eq for Defect {}

/// The prefixes of PostgreSQL's transient states: no connection, read-only for now (a standby), a
/// transaction that was idle for too long, rolled back (a deadlock's victim), no resources (the
/// disk is full), a lock not obtained in time, an operator or a timeout intervened, a system error.
const PASSING_STATES: [&str; 8] = ["08", "25006", "25P03", "40", "53", "55P03", "57", "58"];
/// SQLite's transient results: busy, locked, out of memory, read-only, I/O error, full, cannot
/// open, a race for the log.
const PASSING_RESULTS: [i32; 8] = [5, 6, 7, 8, 10, 13, 14, 15];
/// PostgreSQL's states that end the connection: no connection, idle for too long in a transaction,
/// or told to end.
const ENDING_STATES: [&str; 5] = ["08", "25P03", "57P01", "57P02", "57P05"];

/// Whether the same request can succeed later.
fn is_passing(error: &DbErr) -> bool {
    match (error, cause(error)) {
        (DbErr::ConnectionAcquire(_) | DbErr::Conn(_), _) => true,
        (_, Some(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed)) => true,
        (_, Some(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)) => true,
        (_, Some(sqlx::Error::Database(cause))) => {
            cause.code().is_some_and(|code| match code.parse::<i32>() {
                // SQLite's codes have at most four digits; the bits above the lowest byte only give
                // details.
                Ok(result) if code.len() < 5 => PASSING_RESULTS.contains(&(result & 0xff)),
                _ => PASSING_STATES.iter().any(|state| code.starts_with(state)),
            })
        }
        _ => false,
    }
}

/// Whether the connection on which this happened is lost; another one may work.
pub fn is_lost(error: &DbErr) -> bool {
    match cause(error) {
        Some(sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) => true,
        Some(sqlx::Error::Database(cause)) => cause.code().is_some_and(|code| {
            code.len() == 5 && ENDING_STATES.iter().any(|state| code.starts_with(state))
        }),
        _ => false,
    }
}

/// The driver's error for a statement that failed.
fn cause(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            Some(cause)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[derive(Debug)]
    struct Coded(&'static str);

    impl fmt::Display for Coded {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl StdError for Coded {}

    impl sqlx::error::DatabaseError for Coded {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> sqlx::error::ErrorKind {
            sqlx::error::ErrorKind::Other
        }
    }

    fn with(code: &'static str) -> DbErr {
        DbErr::Query(RuntimeErr::SqlxError(sqlx::Error::Database(Box::new(Coded(code))).into()))
    }

    #[test]
    fn what_passes_is_told_from_what_is_a_defect() {
        // SQLite: busy, read-only, an fsync that failed, full, cannot open. PostgreSQL: a lock, a
        // timeout, a full disk.
        for code in [
            "5", "8", "1034", "778", "13", "14", "55P03", "57014", "57P01", "53100", "40P01",
            "25006",
        ] {
            assert!(matches!(with(code).into(), Error::Unavailable(_)), "{code}");
        }
        // SQLite: invalid SQL, a constraint, corrupt. PostgreSQL: a constraint, invalid SQL.
        for code in ["1", "2067", "11", "23505", "42601"] {
            assert!(matches!(with(code).into(), Error::Internal(_)), "{code}");
        }
    }

    fn defect(outcome: Result<()>) -> Defect {
        match outcome {
            Err(Error::Internal(defect)) => defect,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_defect_knows_where_it_was_noticed_and_what_it_came_from() {
        let fail = |error: DbErr| -> Result<()> {
            let failed: Result<(), DbErr> = Err(error);
            Ok(failed?)
        };
        let noticed = defect(fail(with("42601")));
        assert_eq!(noticed.place(), format!("{}:{}", file!(), line!() - 3));
        // sea-orm's text, which contains sqlx's, which contains the database's.
        assert_eq!(noticed.cause(), "Query Error: error returned from database: 42601");

        let read = || serde_json::from_str::<bool>("1").map_err(|error| Error::internal(error));
        let noticed = defect(read().map(drop));
        assert_eq!(noticed.place(), format!("{}:{}", file!(), line!() - 2));

        let noticed = defect(Err(Error::internal("no epoch")));
        let here = format!("{}:{}", file!(), line!() - 1);
        assert_eq!(format!("{noticed:?}"), format!("\"no epoch\" at {here}"));
    }

    #[test]
    fn the_cause_of_a_defect_is_the_whole_chain() {
        #[derive(Debug)]
        struct Above(std::io::Error);
        impl fmt::Display for Above {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the secret cannot be kept")
            }
        }
        impl StdError for Above {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let full = Above(std::io::Error::other("the disk is full"));
        let noticed = defect(Err(Error::internal(full)));
        assert_eq!(noticed.cause(), "the secret cannot be kept: the disk is full");
    }

    #[test]
    fn only_the_end_of_a_connection_is_a_reason_for_another_one() {
        assert!(is_lost(&with("57P01")));
        for code in ["57014", "55P03", "40P01", "13", "08"] {
            assert!(!is_lost(&with(code)), "{code}");
        }
    }
}
