//! GraphQL over HTTP: `POST`, `application/json`, one operation.

use async_graphql::{Request, parser::types::OperationType};
use async_graphql_axum::GraphQLResponse;
use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{Http, actor};
use crate::{
    error::Error,
    graphql::{self, TidingsSchema, answer},
};

pub async fn handle(State(http): State<Http>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Another type would let a foreign page's form send a request with the reader's cookies or network.
    if !content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "BAD_USER_INPUT", "the content type is application/json");
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refuse(rejection.status(), "LIMIT_EXCEEDED", "the request is too large"),
    };
    let mut request: Request = match serde_json::from_slice(&body) {
        // An array would be taken for the fields of a request in their order.
        Ok(request) if body.trim_ascii_start().starts_with(b"{") => request,
        _ => return refuse(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", "the body is one GraphQL request as JSON"),
    };
    match actor(&http.app, &headers).await {
        Ok(Some(actor)) => request = request.data(actor),
        Ok(None) => {}
        Err(error) => {
            let status = match error {
                Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
                Error::Forbidden => StatusCode::FORBIDDEN,
                Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            let answer = answer(error);
            return refuse(status, answer.code, &answer.message);
        }
    }
    GraphQLResponse::from(execute(http.schema, request).await).into_response()
}

/// Executes a query or mutation. A mutation runs to its end even when nobody waits for it any more: cut short in the middle
/// of `begin`, it could leave an open transaction behind (P10).
pub async fn execute(schema: TidingsSchema, mut request: Request) -> async_graphql::Response {
    match graphql::prepare(&mut request) {
        Ok(OperationType::Mutation) => {}
        Ok(_) => return schema.execute(request).await,
        Err(error) => return async_graphql::Response::from_errors(vec![error]),
    }
    match tokio::spawn(async move { schema.execute(request).await }).await {
        Ok(response) => response,
        Err(error) => {
            let error: async_graphql::Error = Error::internal(error).into();
            async_graphql::Response::from_errors(vec![error.into_server_error(Default::default())])
        }
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let body = serde_json::json!({"errors": [{"message": message, "extensions": {"code": code}}]});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
