//! The codes of errors, in the schema so that clients can generate them.

use async_graphql::Object;

use crate::gate::ErrorCode;

#[derive(Default)]
pub struct ErrorQuery;

#[Object]
impl ErrorQuery {
    /// All codes that `extensions.code` of an error can have, on every transport.
    async fn error_codes(&self) -> Vec<ErrorCode> {
        ErrorCode::all().collect()
    }
}
