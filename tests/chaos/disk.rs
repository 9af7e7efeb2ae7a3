//! A disk that can be full: a small file system for the database's files, mounted while the harness
//! runs. Only root can mount one. Without it, a limit on the size of files stands in for the full
//! disk on SQLite, and PostgreSQL's disk is never full.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::Result;

/// Says that we are in a namespace of our own already.
const INSIDE: &str = "TIDINGS_CHAOS_INSIDE";
const BALLAST: &str = "ballast";
const MEBIBYTE: u64 = 1024 * 1024;

/// Starts again in its own mount namespace, where that is allowed: the mounts in it disappear when
/// this process ends, however it ends.
pub fn enter_namespace(arguments: &[String]) -> Result<()> {
    let can = || {
        Command::new("unshare")
            .args(["--mount", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    if std::env::var_os(INSIDE).is_none() && can() {
        let mut again = Command::new("unshare");
        again
            .args(["--mount", "--propagation", "private"])
            .arg(std::env::current_exe()?)
            .args(arguments);
        return Err(again.env(INSIDE, "1").exec().into());
    }
    Ok(())
}

pub struct Disk {
    pub path: PathBuf,
    is_small: bool,
}

impl Disk {
    /// Makes it at `path`, with room for so long a run.
    pub fn mount(path: PathBuf, time: Duration) -> Result<Self> {
        fs::create_dir(&path)?;
        let size = 400 + 60 * time.as_secs() / 60;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}m,mode=755"), "tmpfs"]).arg(&path);
        let is_inside = std::env::var_os(INSIDE).is_some();
        let is_small =
            is_inside && mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        // PostgreSQL runs as another user when we are root.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Disk { path, is_small })
    }

    pub fn can_be_full(&self) -> bool {
        self.is_small
    }

    /// Takes all the space that is left.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::create(self.path.join(BALLAST))?;
        for size in [MEBIBYTE, 4096] {
            let block = vec![0; size as usize];
            while ballast.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    pub fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.path.join(BALLAST))?)
    }

    /// Saves what is on it, for whoever wants to know what went wrong.
    pub fn keep(&self, to: &Path) -> Result<()> {
        let copied = Command::new("cp").arg("-a").arg(&self.path).arg(to).status()?;
        if copied.success() { Ok(()) } else { Err("cannot copy the database's files".into()) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_small {
            let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
        }
    }
}
