//! Keeps the files of pictures: in a folder, or in an S3 bucket.
//!
//! An object is written once, whole, and never changed. Once [`PictureStore::put`] has returned it is on the disk, or
//! the bucket has acknowledged it. Every call ends within a bound. Left to others: which objects there are, whose they
//! are, and who may see them; those are rows in PostgreSQL.
//!
//! Several replicas need one place for all of them: a bucket, or a folder that all of them share.

use std::{path::Path as FilePath, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::{
    ObjectStore, ObjectStoreExt as _, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use url::Url;

use crate::store::pictures::PictureObject;

/// How long writing, opening or deleting one object may take, attempts after failures included.
const CALL_MAX: Duration = Duration::from_secs(20);
/// Attempts after the first, and the time within which another one is begun.
const RETRIES: RetryConfig = RetryConfig {
    backoff: object_store::BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        base: 2.0,
    },
    max_retries: 3,
    retry_timeout: Duration::from_secs(10),
};

/// Where pictures are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PictureStore {
    objects: Arc<dyn ObjectStore>,
}

/// The setting names no place where pictures can be kept.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or written to.
    #[error("pictures cannot be kept in the folder {folder}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// The folder cannot be opened, or the bucket's settings contradict each other.
    #[error("pictures cannot be kept at {place}")]
    Store {
        /// The setting.
        place: String,
        /// Why.
        source: object_store::Error,
    },
    /// Something else than a folder or a bucket.
    #[error(
        "{place} is no place for pictures; a folder, file:///folder or s3://bucket/prefix would be right"
    )]
    Unknown {
        /// The setting.
        place: String,
    },
}

/// An object could not be written, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store said no, or could not be reached.
    #[error("the picture store failed")]
    Failed(#[from] object_store::Error),
    /// The store did not answer.
    #[error("the picture store did not answer within {CALL_MAX:?}")]
    TimedOut,
}

impl PictureStore {
    /// Opens the place that a setting names. `environment` is where the settings of a bucket are looked for: those of
    /// the usual AWS names, such as `AWS_ENDPOINT`, `AWS_REGION`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. A
    /// bucket need not be reachable yet, since submissions without pictures do not need it.
    ///
    /// # Errors
    /// When the setting is none, or the folder cannot be written to.
    pub fn open(place: &str, environment: impl Iterator<Item = (String, String)>) -> Result<Self, OpenError> {
        let unknown = || OpenError::Unknown { place: place.to_owned() };
        if !place.contains("://") {
            return Self::in_folder(FilePath::new(place));
        }
        let url = Url::parse(place).map_err(|_| unknown())?;
        match url.scheme() {
            "file" => Self::in_folder(&url.to_file_path().map_err(|()| unknown())?),
            "s3" => Self::in_bucket(&url, environment)
                .map_err(|source| OpenError::Store { place: place.to_owned(), source }),
            _ => Err(unknown()),
        }
    }

    fn in_folder(folder: &FilePath) -> Result<Self, OpenError> {
        let shown = folder.display().to_string();
        check_writable(folder).map_err(|source| OpenError::Folder { folder: shown.clone(), source })?;
        let files = LocalFileSystem::new_with_prefix(folder)
            .map_err(|source| OpenError::Store { place: shown, source })?;
        // Acknowledged is kept: neither the file nor its name may be lost when the machine is.
        Ok(Self { objects: Arc::new(files.with_fsync(true)) })
    }

    fn in_bucket(
        url: &Url,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, object_store::Error> {
        // Fails only when another one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings =
            environment.filter(|(name, _)| name.starts_with("AWS_")).filter_map(|(name, value)| {
                Some((name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>().ok()?, value))
            });
        let bucket = settings
            .fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value))
            .with_url(url.as_str())
            // Objects are deleted one at a time, and not every store that speaks S3 can do more.
            .with_disable_bulk_delete(true)
            .with_retry(RETRIES)
            .build()?;
        let prefix = Path::from_url_path(url.path())?;
        Ok(Self { objects: Arc::new(PrefixStore::new(bucket, prefix)) })
    }

    /// Writes an object.
    ///
    /// # Errors
    /// When it is not known to be kept.
    pub async fn put(&self, object: PictureObject, content: Bytes) -> Result<(), StoreError> {
        let location = location(object);
        let written = self.objects.put(&location, content.into());
        tokio::time::timeout(CALL_MAX, written).await.map_err(|_| StoreError::TimedOut)??;
        Ok(())
    }

    /// Opens an object; none when there is no such one. The stream has no bound in time of its own.
    ///
    /// # Errors
    /// When the store does not give it.
    pub async fn read(
        &self,
        object: PictureObject,
    ) -> Result<Option<BoxStream<'static, Result<Bytes, object_store::Error>>>, StoreError> {
        let location = location(object);
        let opened = tokio::time::timeout(CALL_MAX, self.objects.get(&location)).await;
        match opened.map_err(|_| StoreError::TimedOut)? {
            Ok(object) => Ok(Some(object.into_stream())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes an object. One that is gone already is as good.
    ///
    /// # Errors
    /// When it is not known to be gone.
    pub async fn delete(&self, object: PictureObject) -> Result<(), StoreError> {
        let location = location(object);
        let deleted = tokio::time::timeout(CALL_MAX, self.objects.delete(&location)).await;
        match deleted.map_err(|_| StoreError::TimedOut)? {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A folder for every two first digits, so that none gets too large for the tools of operators.
fn location(PictureObject { object_id, picture_id }: PictureObject) -> Path {
    let name = picture_id.to_string();
    Path::from(format!("{}/{name}.{object_id}", &name[..2]))
}

/// Better found at the start than by the first citizen who sends a picture.
fn check_writable(folder: &FilePath) -> Result<(), std::io::Error> {
    std::fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&probe, b"")?;
    std::fs::remove_file(&probe)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Mutex};

    use axum::{
        Router,
        extract::State,
        http::{Method, StatusCode, Uri},
    };
    use futures_util::TryStreamExt as _;
    use uuid::Uuid;

    use super::*;
    use crate::domain::picture::PictureId;

    fn object(number: u128) -> PictureObject {
        PictureObject { object_id: Uuid::from_u128(number), picture_id: PictureId::of(b"picture") }
    }

    async fn content(store: &PictureStore, object: PictureObject) -> Option<Vec<u8>> {
        let stream = store.read(object).await.unwrap()?;
        let parts: Vec<Bytes> = stream.try_collect().await.unwrap();
        Some(parts.concat())
    }

    async fn keeps_and_deletes(store: PictureStore) {
        assert_eq!(content(&store, object(1)).await, None);
        store.put(object(1), Bytes::from_static(b"picture")).await.unwrap();
        store.put(object(1), Bytes::from_static(b"picture")).await.unwrap();
        store.put(object(2), Bytes::from_static(b"picture")).await.unwrap();
        assert_eq!(content(&store, object(1)).await.unwrap(), b"picture");
        store.delete(object(1)).await.unwrap();
        store.delete(object(1)).await.unwrap();
        assert_eq!(content(&store, object(1)).await, None);
        assert_eq!(content(&store, object(2)).await.unwrap(), b"picture", "each has an object of its own");
    }

    #[tokio::test]
    async fn a_folder_keeps_pictures() {
        let folder = std::env::temp_dir().join(format!("huying-pictures-{}", Uuid::now_v7()));
        for place in [folder.display().to_string(), format!("file://{}", folder.display())] {
            let store = PictureStore::open(&place, std::iter::empty()).unwrap();
            keeps_and_deletes(store).await;
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    type Objects = Arc<Mutex<HashMap<String, Bytes>>>;

    /// As much of S3 as is used here.
    async fn bucket(
        State(objects): State<Objects>,
        method: Method,
        uri: Uri,
        body: Bytes,
    ) -> (StatusCode, [(&'static str, &'static str); 2], Bytes) {
        let headers = [("etag", "\"1\""), ("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")];
        let mut objects = objects.lock().unwrap();
        let name = uri.path().to_owned();
        let answer = match method.as_str() {
            "PUT" => objects
                .insert(name, body)
                .map_or((StatusCode::OK, Bytes::new()), |_| (StatusCode::OK, Bytes::new())),
            "DELETE" => {
                objects.remove(&name);
                (StatusCode::NO_CONTENT, Bytes::new())
            }
            _ => objects
                .get(&name)
                .map_or((StatusCode::NOT_FOUND, Bytes::new()), |found| (StatusCode::OK, found.clone())),
        };
        (answer.0, headers, answer.1)
    }

    #[tokio::test]
    async fn a_bucket_keeps_pictures_under_its_prefix() {
        let objects = Objects::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let pages = Router::new().fallback(bucket).with_state(Arc::clone(&objects));
        let serving = tokio::spawn(async move { axum::serve(listener, pages).await });
        let environment = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "cn-north-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_PAGER", "less"),
            ("HOME", "/"),
        ];
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let store = PictureStore::open("s3://pictures/of/intake", environment).unwrap();
        keeps_and_deletes(store).await;
        let names: Vec<String> = objects.lock().unwrap().keys().cloned().collect();
        assert!(names.len() == 1 && names[0].starts_with("/pictures/of/intake/"), "{names:?}");
        serving.abort();
    }

    #[test]
    fn what_is_no_place_is_refused_at_the_start() {
        let open = |place: &str| PictureStore::open(place, std::iter::empty());
        for place in ["ftp://host/folder", "http://[", "memory:///"] {
            assert!(matches!(open(place), Err(OpenError::Unknown { .. })), "{place}");
        }
        assert!(matches!(open("/dev/null/pictures"), Err(OpenError::Folder { .. })));
    }
}
