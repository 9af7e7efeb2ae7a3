//! A proxy in front of two servers, with the configuration from the documents.

use std::{fs, net::SocketAddr, path::Path, process::Stdio};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::BREATH;
use crate::support::{programs, socket::PATIENCE};

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md"));

#[derive(Clone, Copy)]
pub enum Proxy {
    Nginx,
    Caddy,
}

impl Proxy {
    /// None if it is not installed.
    pub fn program(self) -> Option<std::path::PathBuf> {
        let name = match self {
            Proxy::Nginx => "nginx",
            Proxy::Caddy => "caddy",
        };
        programs::find(name, &format!("The test of several servers behind {name}"))
    }

    /// The configuration from the document, with our addresses for the servers and the proxy, and
    /// without TLS.
    fn configuration(self, listen: SocketAddr, servers: [SocketAddr; 2]) -> String {
        let language = match self {
            Proxy::Nginx => "```nginx\n",
            Proxy::Caddy => "```caddyfile\n",
        };
        let text = DOCUMENT.split_once(language).unwrap().1.split("```").next().unwrap();
        let replace = |text: String, from: &str, to: String| {
            assert!(text.contains(from), "{from} is not in the document");
            text.replace(from, &to)
        };
        let text = replace(text.to_owned(), "10.0.0.1:8080", servers[0].to_string());
        let text = replace(text, "10.0.0.2:8080", servers[1].to_string());
        match self {
            Proxy::Nginx => {
                let text = replace(text, "listen 443 ssl", format!("listen {listen}"));
                let lines = text.lines().filter(|line| !line.contains("ssl_certificate"));
                let site = lines.collect::<Vec<_>>().join("\n");
                // A single process, which ends with the test; it writes only into its own
                // directory.
                format!(
                    "daemon off; master_process off; pid nginx.pid; error_log error.log; \
                     events {{ }}\n\
                     http {{ access_log off; client_body_temp_path body; \
                     proxy_temp_path proxy; fastcgi_temp_path fastcgi; \
                     uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n{site}\n}}"
                )
            }
            Proxy::Caddy => {
                let site = replace(text, "inbox.example.com {", format!("http://{listen} {{"));
                format!("{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
            }
        }
    }

    pub async fn start(
        self,
        program: &Path,
        directory: &Path,
        listen: SocketAddr,
        servers: [SocketAddr; 2],
    ) -> Child {
        let file = directory.join("proxy.conf");
        fs::write(&file, self.configuration(listen, servers)).unwrap();
        let mut command = Command::new(program);
        match self {
            Proxy::Nginx => {
                command.arg("-p").arg(directory).arg("-e").arg("error.log").arg("-c").arg(&file)
            }
            Proxy::Caddy => command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file),
        };
        let log = fs::File::create(directory.join("proxy.log")).unwrap();
        command
            .env("HOME", directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let up = async {
            while TcpStream::connect(listen).await.is_err() {
                if let Some(status) = child.try_wait().unwrap() {
                    let said = ["proxy.log", "error.log"]
                        .map(|log| fs::read_to_string(directory.join(log)).unwrap_or_default());
                    panic!("the proxy has ended, {status}: {said:?}");
                }
                sleep(BREATH).await;
            }
        };
        timeout(PATIENCE, up).await.expect("the proxy does not listen");
        child
    }
}
