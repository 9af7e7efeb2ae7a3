//! What others install: the package for Debian, made of the binary under test and unpacked; files
//! for containers; and the script that fetches a release.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;
use tidings::config::{Config, reference};
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::{
    app::SECRET,
    process::{Server, printed, token},
    programs,
};

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");
const UNIT: &str = "usr/lib/systemd/system/tidings.service";
const BINARY: &str = "usr/bin/tidings";
const SETTINGS: &str = "etc/tidings/tidings.toml";

/// The most that `systemd-analyze security` may find exposed, in tenths of its points from 0 to 10.
const EXPOSURE: &str = "--threshold=12";

fn find(program: &str) -> Option<PathBuf> {
    programs::find(program, "What is made of a release")
}

/// The package, with what is in it.
struct Package {
    directory: TempDir,
    file: PathBuf,
}

impl Package {
    /// None where packages of Debian cannot be made.
    fn build() -> Option<Self> {
        find("dpkg-deb")?;
        let directory = tempfile::tempdir().unwrap();
        let said = printed(
            Command::new("bash")
                .arg(format!("{PROJECT}/scripts/build-deb.sh"))
                .args([env!("CARGO_BIN_EXE_tidings"), directory.path().to_str().unwrap()])
                // The binary of a test is large, and nobody downloads it.
                .env("DPKG_DEB_COMPRESSOR_TYPE", "none")
                .output()
                .unwrap(),
        );
        let package = Package { directory, file: said.trim_end().into() };
        for (option, place) in [("--extract", package.root()), ("--control", package.control())] {
            let mut unpack = Command::new("dpkg-deb");
            printed(unpack.arg(option).arg(&package.file).arg(place).output().unwrap());
        }
        Some(package)
    }

    /// The file system as the package leaves it.
    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// What dpkg reads and runs itself.
    fn control(&self) -> PathBuf {
        self.directory.path().join("control")
    }

    fn field(&self, name: &str) -> String {
        let mut field = Command::new("dpkg-deb");
        printed(field.arg("--field").arg(&self.file).arg(name).output().unwrap())
    }

    /// The lines of `dpkg-deb --contents`, which have modes and owners.
    fn contents(&self) -> String {
        printed(Command::new("dpkg-deb").arg("--contents").arg(&self.file).output().unwrap())
    }
}

#[test]
fn the_package_says_what_it_is_and_keeps_changed_settings() {
    let Some(package) = Package::build() else { return };
    assert_eq!(package.field("Version"), format!("{}\n", env!("CARGO_PKG_VERSION")));
    assert!(package.field("Depends").contains("libc6 (>= 2."), "{}", package.field("Depends"));
    let kept = fs::read_to_string(package.control().join("conffiles")).unwrap();
    assert_eq!(kept, format!("/{SETTINGS}\n"));
    let contents = package.contents();
    assert!(contents.lines().all(|line| line.contains(" root/root ")), "{contents}");
    for script in ["postinst", "prerm", "postrm"] {
        let script = package.control().join(script);
        assert_eq!(script.metadata().unwrap().permissions().mode() & 0o777, 0o755);
        printed(Command::new("sh").arg("-n").arg(script).output().unwrap());
    }
}

#[test]
fn the_unit_of_the_package_is_right_and_exposes_little() {
    let Some(systemd) = find("systemd-analyze") else { return };
    let Some(package) = Package::build() else { return };
    let unit = fs::read_to_string(package.root().join(UNIT)).unwrap();
    // It also looks whether the binary is there, which nobody has installed.
    let unpacked = package.root().join(BINARY);
    let unit = unit.replace("/usr/bin/tidings", unpacked.to_str().unwrap());
    let file = package.directory.path().join("tidings.service");
    fs::write(&file, unit).unwrap();

    let analyze = |arguments: &[&str]| {
        let output = Command::new(&systemd).args(arguments).arg(&file).output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        (printed(output), complaints)
    };
    assert_eq!(analyze(&["verify", "--man=no"]), (String::new(), String::new()));
    analyze(&["security", "--offline=true", "--no-pager", EXPOSURE]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_in_the_package_runs_with_the_settings_in_it() {
    let Some(package) = Package::build() else { return };
    let settings = package.root().join(SETTINGS);
    let database = Config::load_from(&settings).unwrap().database_url;
    assert_eq!(&*database, "sqlite:/var/lib/tidings/tidings.db");

    let mut command = Command::new(package.root().join(BINARY));
    command.args(["--config", path(&settings)]).env_clear().stderr(std::process::Stdio::piped());
    // A place where the test may write.
    let state = package.directory.path().join("state");
    fs::create_dir(&state).unwrap();
    command.env("TIDINGS_DATABASE_URL", database.replace("/var/lib/tidings", path(&state)));
    command.env("TIDINGS_AUTH_SECRET", SECRET);
    let server = Server::start(&mut command);
    let viewer = server.query(&token("ada"), "{ viewer { externalId } }").await;
    assert_eq!(viewer["viewer"]["externalId"], "ada");
    server.signal("TERM");
    assert!(server.end().success());
    assert!(state.join("tidings.db").exists());
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The variables in a compose file, by its services.
fn environments(file: &str) -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(format!("{PROJECT}/packaging/compose/{file}")).unwrap();
    let documents = YamlLoader::load_from_str(&text).unwrap();
    let text = |value: &Yaml| value.as_str().unwrap().to_owned();
    let services = documents[0]["services"].as_hash().unwrap().iter();
    let names =
        |service: &Yaml| service["environment"].as_hash().unwrap().keys().map(text).collect();
    services.map(|(name, service)| (text(name), names(service))).collect()
}

#[test]
fn the_files_of_compose_name_settings_that_exist() {
    for (file, servers) in
        [("sqlite.yaml", vec!["tidings"]), ("postgres.yaml", vec!["tidings-1", "tidings-2"])]
    {
        let mut found = Vec::new();
        for (service, variables) in environments(file) {
            let ours: Vec<_> =
                variables.iter().filter(|name| name.starts_with("TIDINGS_")).collect();
            for name in &ours {
                let setting = reference::with_variable(name).unwrap();
                assert!(setting.is_some(), "{file}: {service}: {name}");
            }
            found.extend((!ours.is_empty()).then_some(service));
        }
        assert_eq!(found, servers);
    }
}

#[test]
fn the_servers_of_compose_are_behind_the_proxy_that_is_documented() {
    let document = fs::read_to_string(format!("{PROJECT}/docs/operations.md")).unwrap();
    let documented = document.split_once("```caddyfile\n").unwrap().1.split_once("```").unwrap().0;
    let file = fs::read_to_string(format!("{PROJECT}/packaging/compose/Caddyfile")).unwrap();
    let ours = documented
        .replace("inbox.example.com", "{$SITE}")
        .replace("10.0.0.1:8080 10.0.0.2:8080", "tidings-1:8080 tidings-2:8080");
    // The first line of either says whose it is.
    let (ours, file) = (ours.split_once('\n').unwrap().1, file.split_once('\n').unwrap().1);
    assert_eq!(file, ours);
}

/// The scripts that make a package and an image change these lines of the example.
#[test]
fn the_example_of_the_settings_has_the_lines_that_packages_change() {
    let example = fs::read_to_string(format!("{PROJECT}/tidings.example.toml")).unwrap();
    for setting in ["database_url", "listen"] {
        let line = format!("# {setting} = ");
        assert_eq!(example.lines().filter(|other| other.starts_with(&line)).count(), 1, "{line}");
    }
}

#[test]
fn a_release_is_fetched_only_if_it_is_what_its_checksum_says() {
    let (Some(_), Some(_)) = (find("dpkg-deb"), find("curl")) else { return };
    let releases = tempfile::tempdir().unwrap();
    let published = releases.path().join("v1.2.3");
    fs::create_dir(&published).unwrap();
    let architecture = Command::new("dpkg").arg("--print-architecture").output().unwrap();
    let name = format!("tidings_1.2.3_{}.deb", printed(architecture).trim_end());
    fs::write(published.join(&name), "a package").unwrap();
    let sums = Command::new("sha256sum").arg(&name).current_dir(&published).output().unwrap();
    fs::write(published.join("SHA256SUMS"), printed(sums)).unwrap();

    let fetch = || {
        let into = tempfile::tempdir().unwrap();
        let mut install = Command::new("sh");
        install.args([&format!("{PROJECT}/scripts/install.sh"), "--download", "1.2.3"]);
        install.env("TIDINGS_RELEASES", format!("file://{}", path(releases.path())));
        let output = install.current_dir(&into).output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), fs::read_to_string(into.path().join(&name)).ok(), complaint)
    };
    assert_eq!(fetch(), (true, Some("a package".into()), String::new()));

    fs::write(published.join(&name), "another package").unwrap();
    let complaint = format!("install.sh: {name} is not what SHA256SUMS says it is\n");
    assert_eq!(fetch(), (false, None, complaint));
}
