//! Between contracts and use cases: what comes in is checked and parsed once, what goes out is translated.

pub mod cases;
pub mod directory;
mod fields;

use huying_platform::Platform;
use huying_proto::routing::v1::{
    case_service_server::CaseServiceServer, directory_service_server::DirectoryServiceServer,
};
use tonic::service::Routes;

use crate::service::Service;

/// Everything this service answers over gRPC.
#[must_use]
pub fn routes(platform: &Platform, service: &Service) -> Routes {
    let cases = cases::Cases::new(service.clone(), platform.auth.clone());
    let directory = directory::ReferenceData::new(service.clone(), platform.auth.clone());
    Routes::new(CaseServiceServer::new(cases)).add_service(DirectoryServiceServer::new(directory))
}
