//! Between contracts and use cases: what comes in is checked and parsed once, what goes out is translated.

mod batch;
pub mod cases;
mod commands;
pub mod directory;
mod feed;
mod fields;
pub mod rules;

use huying_platform::Platform;
use huying_proto::routing::v1::{
    case_service_server::CaseServiceServer, directory_service_server::DirectoryServiceServer,
    rule_service_server::RuleServiceServer,
};
use tonic::service::Routes;

use crate::service::Service;

/// Largest request to CaseService, in bytes: what the contract allows for a batch. A single command is far smaller, and a
/// text that is somewhat too long is told so by field.
const CASE_REQUEST_BYTES_MAX: usize = 1_024 * 1_024;
/// Largest message of an import, in bytes: the contract allows chunks of 1 MiB; one that is too long is told so.
const DIRECTORY_REQUEST_BYTES_MAX: usize = 2 * 1_024 * 1_024;

/// Largest request to RuleService, in bytes: the contract allows a file of 2 MiB; one that is too long is told so.
const RULES_REQUEST_BYTES_MAX: usize = 3 * 1_024 * 1_024;

/// Everything this service answers over gRPC.
#[must_use]
pub fn routes(platform: &Platform, service: &Service) -> Routes {
    let cases = cases::Cases::new(service.clone(), platform.auth.clone());
    let directory = directory::ReferenceData::new(service.clone(), platform.auth.clone());
    let rules = rules::Rules::new(service.clone(), platform.auth.clone());
    Routes::new(CaseServiceServer::new(cases).max_decoding_message_size(CASE_REQUEST_BYTES_MAX))
        .add_service(
            DirectoryServiceServer::new(directory).max_decoding_message_size(DIRECTORY_REQUEST_BYTES_MAX),
        )
        .add_service(RuleServiceServer::new(rules).max_decoding_message_size(RULES_REQUEST_BYTES_MAX))
}
