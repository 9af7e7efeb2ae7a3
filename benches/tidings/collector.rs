//! A collector of OpenTelemetry that takes all spans and throws them away, in the process of the bench.

use std::net::SocketAddr;

use axum::{Router, body::Bytes, extract::DefaultBodyLimit};
use tokio::net::TcpListener;

use crate::Result;

/// Starts it; it ends with the bench.
pub async fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let collector = Router::new().fallback(async |_: Bytes| ()).layer(DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, collector).await });
    Ok(address)
}
