//! A client of the API: single requests and their outcome, and requests that are repeated until the
//! outcome is known.

use std::{net::SocketAddr, time::Duration};

use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{Result, world::World};

/// Longer than the server's own deadlines.
const TIMEOUT: Duration = Duration::from_secs(13);
const PAUSE: std::ops::Range<u64> = 30..300;

/// What became of a request.
#[derive(Clone, Debug)]
pub enum Answer {
    Data(Value),
    /// It will never be done; the code says why.
    Refused(String, String),
    /// Nobody knows; it is to be asked again.
    Unclear(String),
}

/// Of a request that was repeated.
pub struct Settled {
    pub answer: Answer,
    pub tries: u32,
}

#[derive(Clone)]
pub struct Client(reqwest::Client);

impl Client {
    pub fn new() -> Self {
        Client(
            reqwest::Client::builder()
                .timeout(TIMEOUT)
                .pool_max_idle_per_host(0)
                .build()
                .unwrap_or_default(),
        )
    }

    pub fn request(
        &self,
        address: SocketAddr,
        token: &str,
        query: &str,
        variables: &Value,
    ) -> reqwest::RequestBuilder {
        let request = self.0.post(format!("http://{address}/graphql")).bearer_auth(token);
        request.json(&json!({"query": query, "variables": variables}))
    }

    pub async fn get(&self, address: SocketAddr, path: &str) -> Result<u16> {
        Ok(self.0.get(format!("http://{address}{path}")).send().await?.status().as_u16())
    }

    /// Asks once.
    pub async fn ask(
        &self,
        address: SocketAddr,
        token: &str,
        query: &str,
        variables: &Value,
    ) -> Answer {
        let answer = async {
            let response = self.request(address, token, query, variables).send().await?;
            let status = response.status();
            let text = response.text().await?;
            Result::<Value>::Ok(
                serde_json::from_str(&text).unwrap_or_else(|_| json!({"status": status.as_u16()})),
            )
        };
        let mut answer = match answer.await {
            Ok(answer) => answer,
            Err(error) => return Answer::Unclear(format!("CUT: {error:?}")),
        };
        if let Some(error) = answer["errors"].get(0) {
            let (code, message) = (text(&error["extensions"]["code"]), text(&error["message"]));
            return match code.as_str() {
                "UNAVAILABLE" | "LIMIT_EXCEEDED" | "INTERNAL_SERVER_ERROR" | "UNAUTHENTICATED" => {
                    Answer::Unclear(format!("{code}: {message}"))
                }
                "" => Answer::Unclear(format!("NO CODE: {answer}")),
                _ => Answer::Refused(code, message),
            };
        }
        match answer.get_mut("data") {
            Some(data) if data.is_object() => Answer::Data(data.take()),
            _ => Answer::Unclear(format!("NO DATA: {answer}")),
        }
    }

    /// Asks one server after the other until there is an answer, or until the world has been calm
    /// for so long that there should have been one.
    pub async fn settle(
        &self,
        world: &World,
        rng: &mut StdRng,
        token: &str,
        query: &str,
        variables: &Value,
    ) -> Settled {
        let mut tries = 0;
        loop {
            let server = &world.servers[rng.random_range(0..world.servers.len())];
            let answer = self.ask(server.proxy.address, token, query, variables).await;
            tries += 1;
            if let Answer::Unclear(why) = &answer {
                world.transcript.unclear(why);
                if !world.is_patience_over() {
                    tokio::time::sleep(Duration::from_millis(rng.random_range(PAUSE))).await;
                    continue;
                }
                world.transcript.fail(format!("after a long calm there is still no answer: {why}"));
            }
            return Settled { answer, tries };
        }
    }

    /// The answer of a query, asked until there is one.
    pub async fn read(
        &self,
        world: &World,
        rng: &mut StdRng,
        token: &str,
        query: &str,
        variables: &Value,
    ) -> Result<Value> {
        match self.settle(world, rng, token, query, variables).await.answer {
            Answer::Data(data) => Ok(data),
            other => Err(format!("{query}: {other:?}").into()),
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The beginning of something that can be long.
pub fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}
