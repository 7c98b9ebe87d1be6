//! DirectoryService: the import as a stream of chunks, and lists of what is in force.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use huying_platform::{
    auth::{Authenticator, Role},
    status::{Violations, busy, refused},
};
use huying_proto::routing::v1::{
    ImportDirectoryRequest, ImportDirectoryResponse, ListDirectoryRequest, ListDirectoryResponse,
    directory_service_server::DirectoryService,
};
use tokio::sync::Semaphore;
use tonic::{Code, Request, Response, Status, Streaming};

use super::fields;
use crate::{
    domain::import::File,
    service::Service,
    use_cases::{
        import_directory::import_directory,
        list_directory::{DirectorySelection, list_directory},
    },
};

/// Bounds of an import, as the contract gives them.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;
const FILES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a stream may stand still.
const CHUNK_WAIT: Duration = Duration::from_secs(30);
/// Imports held in memory at once, each up to the bound.
const IMPORTS_MAX: usize = 2;
const PAGE_USUAL: u32 = 200;
const PAGE_MAX: u32 = 1_000;

/// Serves DirectoryService.
#[derive(Debug)]
pub struct ReferenceData {
    service: Service,
    auth: Arc<Authenticator>,
    imports: Semaphore,
}

impl ReferenceData {
    /// Serves the use cases to whom the tokens name.
    #[must_use]
    pub fn new(service: Service, auth: Arc<Authenticator>) -> Self {
        Self { service, auth, imports: Semaphore::new(IMPORTS_MAX) }
    }
}

#[tonic::async_trait]
impl DirectoryService for ReferenceData {
    async fn import_directory(
        &self,
        request: Request<Streaming<ImportDirectoryRequest>>,
    ) -> Result<Response<ImportDirectoryResponse>, Status> {
        let principal = self.auth.authenticate(request.metadata())?;
        principal.require(&[Role::Operator])?;
        principal.require_unscoped()?;
        let _turn = self
            .imports
            .try_acquire()
            .map_err(|_| busy("other imports are under way", Duration::from_secs(5)))?;
        let files = receive(request.into_inner()).await?;
        tracing::info!(subject = principal.subject, files = files.len(), "import received");
        Ok(Response::new(import_directory(&self.service, files, &principal.subject).await?))
    }

    async fn list_directory(
        &self,
        request: Request<ListDirectoryRequest>,
    ) -> Result<Response<ListDirectoryResponse>, Status> {
        self.auth.authenticate(request.metadata())?;
        let mut violations = Violations::new();
        let selection = selection(request.get_ref(), &mut violations);
        violations.check()?;
        let Some(selection) = selection else { return Err(Status::invalid_argument("file is missing")) };
        let mut page = list_directory(&self.service, &selection)?;
        page.next_page_token = URL_SAFE_NO_PAD.encode(&page.next_page_token);
        Ok(Response::new(page))
    }
}

/// Puts the chunks together, within the bounds.
async fn receive(mut stream: Streaming<ImportDirectoryRequest>) -> Result<BTreeMap<File, Vec<u8>>, Status> {
    let mut files: BTreeMap<File, Vec<u8>> = BTreeMap::new();
    let mut current = None;
    let mut bytes = 0;
    loop {
        let next = tokio::time::timeout(CHUNK_WAIT, stream.message()).await.map_err(|_| {
            refused(Code::Cancelled, "CHUNK_TOO_LATE", format!("no chunk came for {CHUNK_WAIT:?}"), &[])
        })?;
        let Some(message) = next? else { break };
        let Some(file) = File::from_proto(message.file()) else {
            return Err(violation("file", "is not given; a file of the directory would be right"));
        };
        bytes += message.chunk.len();
        if message.chunk.len() > CHUNK_BYTES_MAX || bytes > FILES_BYTES_MAX {
            return Err(violation(
                "chunk",
                "is too much; at most 1 MiB a chunk and 64 MiB in all would be right",
            ));
        }
        match files.entry(file) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(message.chunk);
            }
            btree_map::Entry::Occupied(mut so_far) if current == Some(file) => {
                so_far.get_mut().extend_from_slice(&message.chunk);
            }
            btree_map::Entry::Occupied(_) => {
                let problem =
                    format!("{} comes twice; each file once, in one piece, would be right", file.name());
                return Err(violation("file", &problem));
            }
        }
        current = Some(file);
    }
    if files.is_empty() {
        return Err(violation("file", "is not given; at least one file would be right"));
    }
    Ok(files)
}

fn selection(message: &ListDirectoryRequest, violations: &mut Violations) -> Option<DirectorySelection> {
    let file = File::from_proto(message.file());
    if file.is_none() {
        violations.add("file", "is not given; a file of the directory would be right");
    }
    let after = match message.page_token.as_str() {
        "" => None,
        token => {
            let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            if decoded.is_none() {
                violations.add(
                    "page_token",
                    "is not from an answer; next_page_token of the last page would be right",
                );
            }
            decoded
        }
    };
    let region = fields::optional("region_code", &message.region_code, violations);
    let page_size = fields::page_size(message.page_size, PAGE_USUAL, PAGE_MAX, violations);
    Some(DirectorySelection { file: file?, region, page_size, after })
}

fn violation(field: &str, problem: &str) -> Status {
    let mut violations = Violations::new();
    violations.add(field, problem);
    violations.into_status()
}
