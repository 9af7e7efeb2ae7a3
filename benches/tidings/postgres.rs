//! A PostgreSQL of our own, for as long as the process runs that started it. The chaos harness uses it, too, which stops it
//! and starts it again.

use std::{
    cmp::Reverse,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{Result, process, server::free_port};

/// A database of it.
pub struct Cluster {
    script: Arc<Script>,
    postmaster: u32,
    port: u16,
    database: String,
}

/// Its standard input is closed when we end, which is what the script waits for.
struct Script(Mutex<(Child, BufReader<ChildStdout>)>);

/// Where the programs are: beside the initdb in PATH, or else the newest of those that Debian keeps out of it.
pub fn binaries() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = debian.map(|version| version.path()).collect();
    debian.sort_by_key(|path| {
        Reverse(path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()))
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories =
        std::env::split_paths(&path).chain(debian.iter().map(|version| version.join("bin")));
    // PATH may have a link to it and none to the programs beside it.
    let initdb = directories
        .map(|directory| directory.join("initdb"))
        .find_map(|initdb| initdb.canonicalize().ok())?;
    initdb.parent().map(Path::to_owned)
}

impl Cluster {
    /// `directory`: where its files are, in a directory of their own. `settings`: lines of postgresql.conf that are stronger
    /// than ours.
    pub fn start(binaries: &Path, directory: &Path, settings: &str) -> Result<Self> {
        let port = free_port()?;
        let mut script = Command::new("sh")
            .args(["-c", SCRIPT])
            .env("BIN", binaries)
            .env("PORT", port.to_string())
            .env("PARENT", directory)
            .env("SETTINGS", settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for us: the script must live to clean up.
            .process_group(0)
            .spawn()?;
        let mut output = BufReader::new(script.stdout.take().ok_or("no output")?);
        let mut said = String::new();
        loop {
            if let Some((_, postmaster)) = said.split_once("ready ") {
                let postmaster = postmaster.trim().parse()?;
                let script = Arc::new(Script(Mutex::new((script, output))));
                return Ok(Cluster { script, postmaster, port, database: "postgres".into() });
            }
            if output.read_line(&mut said)? == 0 {
                script.wait()?;
                return Err(format!("PostgreSQL does not start: {said}").into());
            }
        }
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, self.database)
    }

    /// Another database, of the same server.
    pub fn named(&self, database: &str) -> Self {
        Cluster {
            script: self.script.clone(),
            postmaster: self.postmaster,
            port: self.port,
            database: database.into(),
        }
    }

    /// Gives it to pg_ctl, as `stop -m fast` or `start`, and waits; says what came of it.
    #[allow(dead_code, reason = "the chaos harness does it")]
    pub fn control(&self, how: &str) -> Result<()> {
        let mut script = self.script.0.lock().map_err(|_| "the script is gone")?;
        let (child, output) = &mut *script;
        writeln!(child.stdin.as_mut().ok_or("no input")?, "{how}")?;
        let mut said = String::new();
        output.read_line(&mut said)?;
        if said.trim() == "done" {
            Ok(())
        } else {
            Err(format!("pg_ctl {how}: {}", said.trim()).into())
        }
    }

    pub fn cpu(&self) -> Result<Duration> {
        process::cpu_with_children(self.postmaster)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let Ok((child, _)) = self.0.get_mut() else { return };
        drop(child.stdin.take());
        let _ = child.wait();
    }
}

/// Makes a PostgreSQL on $PORT with the programs in $BIN, says that it is ready, gives each line of standard input to pg_ctl,
/// and removes it all when that ends. Commits are as durable as SQLite's, and the cache holds what is measured.
///
/// A shell does it because it outlives us: no signal that ends this process leaves a server or its files behind.
const SCRIPT: &str = r#"
set -e
exec 2>&1
as_postgres() { "$@"; }
directory=$(mktemp -d "$PARENT/postgres-XXXXXX")
cd "$directory"
trap 'as_postgres "$BIN/pg_ctl" stop -D data -m immediate >/dev/null 2>&1 || true; rm -rf "$directory"' EXIT
# "ready" may find nobody who listens; that is no reason to leave without the above.
trap '' PIPE

if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root.
    chown postgres .
    as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
fi

as_postgres "$BIN/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
cat >>data/postgresql.conf <<END
listen_addresses = '127.0.0.1'
port = $PORT
unix_socket_directories = ''
shared_buffers = 512MB
fsync = on
synchronous_commit = on
$SETTINGS
END
control() { as_postgres "$BIN/pg_ctl" "$@" -D data -l log --wait --timeout=30 --silent </dev/null >/dev/null 2>&1; }
control start || { cat log; exit 1; }

echo ready "$(head -n 1 data/postmaster.pid)"
while read -r how; do
    # Words are meant to be split here.
    if control $how; then echo "done"; else echo failed; fi
done
"#;
