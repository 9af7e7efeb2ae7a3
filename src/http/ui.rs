use async_graphql::http::GraphiQLSource;
use axum::response::Html;

/// GraphiQL, with its scripts from a CDN.
pub async fn graphiql() -> Html<String> {
    Html(GraphiQLSource::build().endpoint("/graphql").subscription_endpoint("/graphql").title("Tidings").finish())
}
