//! What a server says of itself to Prometheus, and whether the document, the dashboard and the
//! alerts speak of the same.

use std::{
    collections::BTreeSet,
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tidings::{
    db::{self, Tables},
    metrics::{ALL, Kind as MetricKind, Metric},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::support::{
    app::{Kind, Port, TestApp, both, run},
    programs,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const ALERTS: &str = "ops/prometheus/alerts.yml";
const DASHBOARD: &str = "ops/grafana/tidings.json";
const DOCUMENT: &str = "docs/metrics.md";
/// What the document has written by this test begins after this line.
const WRITTEN: &str = "metrics::the_document -->\n";
/// For Prometheus to start, and to scrape: it takes seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two questions: Prometheus tells nobody that it has scraped.
const BREATH: Duration = Duration::from_millis(50);

const ANNOUNCE: &str = "mutation Announce($title: String!) {
    createAnnouncement(input: {title: $title, body: \"\"}) { announcement { id } } }";

/// What a server answers at `/metrics`.
struct Measured(String);

impl Measured {
    async fn of(app: &TestApp) -> Self {
        let url = format!("http://{}/metrics", app.metrics.address().unwrap());
        let answer = reqwest::get(url).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        Measured(answer.text().await.unwrap())
    }

    /// The sum of all values of a metric that have these labels, written as `kind="query"`.
    fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (of, rest) = series.split_once('{').unwrap_or((series, ""));
            let is_wanted = of == name && labels.iter().all(|label| rest.contains(label));
            is_wanted.then(|| value.parse::<f64>().unwrap())
        });
        values.sum()
    }

    /// The names that are described as this kind.
    fn names(&self, kind: MetricKind) -> BTreeSet<&str> {
        let described = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let of_kind = described.filter_map(|line| line.split_once(' '));
        of_kind.filter(|(_, is)| *is == kind.name()).map(|(name, _)| name).collect()
    }
}

async fn measuring(app: &TestApp) -> TestApp {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    app.restart_with(|config| config.metrics_listen = Some(any.into())).await
}

/// A little of everything that is measured.
async fn something_of_everything(app: &TestApp) {
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let mut live = bob.follow_inbox(None).await;
    alice.send(&bob, "one").await;
    live.next_change().await;
    app.service().query(ANNOUNCE, json!({"title": "news"})).await;
    live.next_change().await;
    alice.refusal("{ node(id: \"usr_0\") { id } nothing }", json!({})).await;
    app.run_due().await;
    live.socket.close().await;
}

both! {
    async fn the_table_of_metrics_is_what_a_server_answers(app: TestApp) {
        let app = measuring(&app).await;
        something_of_everything(&app).await;

        let measured = Measured::of(&app).await;

        for kind in [MetricKind::Counter, MetricKind::Gauge, MetricKind::Histogram] {
            let described = ALL.iter().filter(|metric| metric.kind == kind);
            let described: BTreeSet<_> = described.map(|metric| metric.name).collect();
            assert_eq!(measured.names(kind), described);
        }
        for Metric { name, help, labels, .. } in ALL {
            assert!(measured.0.contains(&format!("# HELP {name} {help}\n")), "{name}");
            for label in *labels {
                assert!(measured.0.contains(&format!("{label}=\"")), "{name}: {label}");
            }
        }
        app.stop().await;
    }

    async fn requests_are_counted_by_what_they_are_and_how_they_end(app: TestApp) {
        let app = measuring(&app).await;
        let alice = app.user("alice").await;
        let before = Measured::of(&app).await;
        alice.query("{ viewer { id } }", json!({})).await;
        alice.query("{ viewer { id } }", json!({})).await;
        alice.refusal("{ nothing }", json!({})).await;
        alice.refusal("mutation { markRead(input: {itemIds: [\"x\"]}) { items { id } } }", json!({}))
            .await;

        let after = Measured::of(&app).await;

        let more = |name, labels: &[&str]| after.sum(name, labels) - before.sum(name, labels);
        let operations = "tidings_operations_total";
        let over_http = "transport=\"http\"";
        assert_eq!(more(operations, &[over_http, "kind=\"query\"", "code=\"OK\""]), 2.0);
        assert_eq!(more(operations, &[over_http, "code=\"GRAPHQL_VALIDATION_FAILED\""]), 1.0);
        assert_eq!(more(operations, &[over_http, "kind=\"mutation\"", "code=\"OK\""]), 0.0);
        assert_eq!(more(operations, &[]), 4.0);
        assert_eq!(more("tidings_operation_duration_seconds_count", &[]), 4.0);
        assert_eq!(more("tidings_http_requests_total", &["route=\"graphql\""]), 4.0);
        app.stop().await;
    }

    /// Prometheus sees an increase only between two values: the first defect would be none.
    async fn the_first_defect_is_an_increase(app: TestApp) {
        let app = measuring(&app).await;

        let measured = Measured::of(&app).await;

        for kind in ["query", "mutation", "subscription", "none"] {
            let series = format!(
                "tidings_operations_total{{kind=\"{kind}\",transport=\"http\",\
                 code=\"INTERNAL_SERVER_ERROR\"}} 0\n"
            );
            assert!(measured.0.contains(&series), "{series}");
        }
        app.stop().await;
    }

    async fn sockets_and_subscriptions_are_counted_while_they_are_open_and_when_they_end(
        app: TestApp,
    ) {
        let app = measuring(&app).await;
        let (alice, bob) = (app.user("alice").await, app.user("bob").await);
        let mut left = bob.follow_inbox(None).await;
        let mut stays = bob.follow_inbox(None).await;
        alice.send(&bob, "one").await;
        left.next_change().await;
        stays.next_change().await;

        let open = Measured::of(&app).await;
        left.socket.close().await;
        app.stop().await;
        let ended = Measured(app.metrics.text(app.now()));

        for (name, count) in [
            ("tidings_websockets", 2.0),
            ("tidings_subscriptions", 2.0),
            ("tidings_live_followers", 1.0),
        ] {
            assert_eq!(open.sum(name, &[]), count, "{name}");
        }
        assert_eq!(ended.sum("tidings_websockets", &[]), 0.0);
        assert_eq!(ended.sum("tidings_subscriptions", &[]), 0.0);
        let closed = "tidings_websockets_closed_total";
        assert_eq!(ended.sum(closed, &["reason=\"client_left\""]), 1.0);
        assert_eq!(ended.sum(closed, &["reason=\"server_stops\""]), 1.0);
        assert_eq!(ended.sum("tidings_subscriptions_ended_total", &["\"websocket\""]), 2.0);
    }

    /// A frame counts when its client has taken it, which the server knows when it reads again.
    async fn frames_are_timed_from_their_commit(app: TestApp) {
        let app = measuring(&app).await;
        let (alice, bob) = (app.user("alice").await, app.user("bob").await);
        let mut live = bob.follow_inbox(None).await;
        let nothing_yet = Measured::of(&app).await;
        for subject in ["one", "two"] {
            alice.send(&bob, subject).await;
            live.next_change().await;
        }

        let measured = Measured::of(&app).await;

        assert_eq!(nothing_yet.sum("tidings_live_delay_seconds_count", &[]), 0.0);
        assert!(measured.sum("tidings_live_delay_seconds_count", &[]) >= 1.0);
        assert!(measured.sum("tidings_live_hints_total", &["from=\"own\""]) >= 2.0);
        app.stop().await;
    }

    async fn statements_are_timed_by_their_names(app: TestApp) {
        let app = measuring(&app).await;
        let alice = app.user("alice").await;
        let before = Measured::of(&app).await;
        alice.inbox().await;

        let after = Measured::of(&app).await;

        let looks = |measured: &Measured| {
            let name = "tidings_db_statement_duration_seconds_count";
            measured.sum(name, &["statement=\"pull::look\""])
        };
        assert_eq!(looks(&after) - looks(&before), 1.0);
        app.stop().await;
    }

    /// Nobody but Prometheus is to read them.
    /// Every server begins with one, and its first hour would look like one of failures.
    async fn a_database_without_tables_is_no_failed_statement(app: TestApp) {
        let app = measuring(&app).await;
        let tx = app.db.begin().await.unwrap();
        tx.sql("test").push("DROP TABLE seaql_migrations").run(&*tx).await.unwrap();
        tx.commit().await.unwrap();
        const FAILED: &str = "tidings_db_statement_failures_total";
        let failed = async || Measured::of(&app).await.sum(FAILED, &[]);
        let before = failed().await;

        let tables = db::tables(app.db.read()).await.unwrap();

        assert_eq!(tables, Tables::Missing);
        assert_eq!(failed().await, before);
    }

    /// They are not taken from those of the API.
    async fn a_crowd_on_the_address_of_metrics_does_not_use_up_connections(app: TestApp) {
        let app = measuring(&app).await;
        let address = app.metrics.address().unwrap();
        let mut crowd = Vec::new();
        for _ in 0..100 {
            crowd.push(TcpStream::connect(address).await.unwrap());
        }
        let mut said = String::new();
        TcpStream::connect(address).await.unwrap().read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 503"), "{said}");
        app.user("alice").await;
        drop(crowd);
        app.stop().await;
    }

    async fn the_address_of_the_api_answers_no_metrics(app: TestApp) {
        assert_eq!(app.metrics.address(), None);
        let app = measuring(&app).await;
        let answer = reqwest::get(app.url("/metrics")).await.unwrap();
        assert_eq!(answer.status(), 404);
        app.stop().await;
    }
}

/// The part of the document that is made from the table.
fn reference() -> String {
    let mut text =
        String::from("\n| metric | kind | labels | what it is |\n| --- | --- | --- | --- |\n");
    for Metric { name, kind, labels, help } in ALL {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        text += &format!("| `{name}` | {} | {} | {help} |\n", kind.name(), labels.join(", "));
    }
    text
}

#[test]
fn the_document_has_the_table_of_metrics() {
    let file = Path::new(ROOT).join(DOCUMENT);
    let text = fs::read_to_string(&file).unwrap();
    let (by_hand, written) = text.split_once(WRITTEN).unwrap();
    if env::var_os("TIDINGS_WRITE_DOCS").is_some() {
        return fs::write(file, format!("{by_hand}{WRITTEN}{}", reference())).unwrap();
    }
    let how = "TIDINGS_WRITE_DOCS=1 cargo test --test it metrics::the_document writes it";
    assert_eq!(written, reference(), "{how}");
}

/// The metrics that a file of `ops/` names, without what Prometheus adds to a histogram's name.
fn named_in(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_name(c));
    let names = words.filter(|word| word.starts_with("tidings_") || word.starts_with("process_"));
    let base = |name: &'static str| ["_bucket", "_sum", "_count"].map(|part| (name, part));
    let histograms: Vec<_> = ALL
        .iter()
        .filter(|metric| metric.kind == MetricKind::Histogram)
        .flat_map(|metric| base(metric.name))
        .collect();
    names
        .map(|name| {
            let of_histogram =
                histograms.iter().find(|(base, part)| name.strip_suffix(part) == Some(base));
            of_histogram.map_or(name, |(base, _)| base)
        })
        .collect()
}

#[test]
fn dashboard_and_alerts_name_only_metrics_that_exist() {
    let known: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
    for file in [DASHBOARD, ALERTS] {
        let text = fs::read_to_string(Path::new(ROOT).join(file)).unwrap();
        let named = named_in(&text);
        assert!(!named.is_empty(), "{file}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

/// Of addresses that are reserved and not used.
const NOT_SHOWN: [&str; 2] = ["process_virtual_memory_bytes", "process_virtual_memory_max_bytes"];

#[test]
fn the_dashboard_shows_whatever_is_measured() {
    let text = fs::read_to_string(Path::new(ROOT).join(DASHBOARD)).unwrap();
    let mut shown = named_in(&text);
    shown.extend(NOT_SHOWN);
    let missing: Vec<_> =
        ALL.iter().map(|metric| metric.name).filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_alert_says_what_to_do() {
    let text = fs::read_to_string(Path::new(ROOT).join(ALERTS)).unwrap();
    let count =
        |word: &str| text.lines().filter(|line| line.trim_start().starts_with(word)).count();
    assert_eq!(count("- alert:"), count("runbook:"));
    assert_eq!(count("- alert:"), count("labels: {severity:"));
}

fn find(program: &str) -> Option<PathBuf> {
    programs::find(program, "The metrics")
}

/// Runs promtool, which says nothing if there is nothing to say.
async fn promtool(program: &Path, check: &[&str], input: &str) {
    let mut child = Command::new(program)
        .arg("check")
        .args(check)
        .current_dir(ROOT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success(), "promtool check {check:?}: {said}");
}

/// A Prometheus that scrapes a server, and knows the rules for alerts.
struct Prometheus {
    address: SocketAddr,
    process: Child,
    log: PathBuf,
    _port: std::sync::Arc<Port>,
}

impl Prometheus {
    fn start(program: &Path, directory: &Path, target: SocketAddr) -> Self {
        let rules = Path::new(ROOT).join(ALERTS);
        let settings = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules],
            "scrape_configs": [
                {"job_name": "tidings", "static_configs": [{"targets": [target.to_string()]}]},
            ],
        });
        // JSON is YAML, too.
        let file = directory.join("prometheus.yml");
        fs::write(&file, settings.to_string()).unwrap();
        let port = Port::any();
        let log = directory.join("prometheus.log");
        let process = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={}", port.address()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Prometheus { address: port.address(), process, log, _port: port }
    }

    /// An answer of its API; None as long as it does not answer.
    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let mut url =
            reqwest::Url::parse(&format!("http://{}/api/v1/{path}", self.address)).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        reqwest::get(url).await.ok()?.json().await.ok()
    }

    /// Waits until an answer is as it should be.
    async fn until(&mut self, path: &str, query: &[(&str, &str)], is: fn(&Value) -> bool) -> Value {
        let mut last = None;
        let answered = timeout(PATIENCE, async {
            loop {
                last = self.ask(path, query).await;
                if let Some(answer) = last.take_if(|answer| is(answer)) {
                    return answer;
                }
                if let Some(status) = self.process.try_wait().unwrap() {
                    panic!("it has ended, {status}: {}", fs::read_to_string(&self.log).unwrap());
                }
                sleep(BREATH).await;
            }
        });
        let answered = answered.await;
        answered.unwrap_or_else(|_| panic!("{path} {query:?}: {last:?}"))
    }
}

/// The questions of the dashboard, as Grafana asks them.
fn questions() -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(DASHBOARD)).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let questions = targets.map(|target| target["expr"].as_str().unwrap());
    questions
        .map(|question| question.replace("$__rate_interval", "1m").replace("$instance", ".*"))
        .collect()
}

#[test]
fn prometheus_scrapes_a_server_and_understands_its_dashboard_and_alerts() {
    let (Some(prometheus), Some(tool)) = (find("prometheus"), find("promtool")) else {
        return;
    };
    run(Kind::Sqlite, 2, async |app| {
        let app = measuring(&app).await;
        something_of_everything(&app).await;
        promtool(&tool, &["metrics"], &Measured::of(&app).await.0).await;
        promtool(&tool, &["rules", ALERTS], "").await;

        let directory = tempfile::tempdir().unwrap();
        let target = app.metrics.address().unwrap();
        let mut prometheus = Prometheus::start(&prometheus, directory.path(), target);
        let has_result = |answer: &Value| answer["data"]["result"][0]["value"][1] == "1";
        prometheus.until("query", &[("query", "up{job=\"tidings\"}")], has_result).await;
        let build = format!("tidings_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
        prometheus.until("query", &[("query", &build)], has_result).await;

        for question in questions() {
            let answer = prometheus.ask("query", &[("query", &question)]).await.unwrap();
            assert_eq!(answer["status"], "success", "{question}: {answer:#}");
        }
        let are_evaluated = |answer: &Value| {
            let rules = answer["data"]["groups"][0]["rules"].as_array();
            rules.is_some_and(|rules| rules.iter().all(|rule| rule["health"] != "unknown"))
        };
        let rules = prometheus.until("rules", &[], are_evaluated).await;
        for rule in rules["data"]["groups"][0]["rules"].as_array().unwrap() {
            assert_eq!(rule["health"], "ok", "{rule:#}");
            assert_ne!(rule["state"], "firing", "{rule:#}");
        }
        app.stop().await;
    });
}
