//! A listener with a bounded number of connections.
//!
//! A place is taken before a connection is accepted, and lives with it: past the bound, new connections wait in the
//! operating system's queue. Whoever connects and never says a word loses the place again; what is silent later on is
//! for keepalive and the bounds of the servers. A failed accept, such as one without a free file descriptor, is waited
//! out; it never ends the server.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Sleep,
};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// How long after a failed accept the next is tried.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How long a new connection may be silent. Clients of HTTP and of TLS speak first, and at once.
const FIRST_WORD_MAX: Duration = Duration::from_secs(10);

/// Accepts connections as long as there are places.
#[derive(Debug)]
pub(crate) struct Listening {
    listener: TcpListener,
    places: Arc<Semaphore>,
    first_word_max: Duration,
}

/// A connection and its place.
#[derive(Debug)]
pub(crate) struct Bounded {
    stream: TcpStream,
    /// None once the client has said something.
    first_word_by: Option<Pin<Box<Sleep>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Listening {
    pub(crate) fn new(listener: TcpListener, connections_max: u32) -> Self {
        let places = Arc::new(Semaphore::new(connections_max as usize));
        Self { listener, places, first_word_max: FIRST_WORD_MAX }
    }

    /// The next connection, once there is a place for it. May be dropped at any await without losing one.
    pub(crate) async fn accept(&self) -> Bounded {
        // The semaphore is never closed; if it were, accepting without a place would be better than not at all.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // Without it small answers wait for acknowledgements; failing to set it costs only that.
                    let _ = stream.set_nodelay(true);
                    let first_word_by = Some(Box::pin(tokio::time::sleep(self.first_word_max)));
                    return Bounded { stream, first_word_by, _place: place };
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// All connections to come.
    pub(crate) fn into_stream(self) -> impl Stream<Item = io::Result<Bounded>> + Send {
        stream::unfold(self, |listening| async move {
            let connection = listening.accept().await;
            Some((Ok(connection), listening))
        })
    }
}

/// The client went away before it was accepted; that says nothing of the next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionAborted || error.kind() == io::ErrorKind::ConnectionReset
}

impl Connected for Bounded {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.first_word_by = None;
        } else if let Some(first_word_by) = &mut self.first_word_by
            && first_word_by.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_waits_until_another_has_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = Listening::new(listener, 1);
        let _clients =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let first = listening.accept().await;
        assert!(futures_util::FutureExt::now_or_never(listening.accept()).is_none());
        assert_eq!(listening.places.available_permits(), 0);
        drop(first);
        assert!(first_of(&listening).await.connect_info().local_addr().is_some());
    }

    #[tokio::test]
    async fn who_never_says_a_word_is_sent_away_and_who_did_may_be_silent() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening =
            Listening { first_word_max: Duration::from_millis(20), ..Listening::new(listener, 2) };
        let (_silent, mut speaking) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let (mut first, mut second) = (listening.accept().await, listening.accept().await);
        let mut byte = [0];
        assert_eq!(first.read_exact(&mut byte).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        speaking.write_all(b"x").await.unwrap();
        // What has arrived counts, however late it is looked at.
        second.stream.readable().await.unwrap();
        second.read_exact(&mut byte).await.unwrap();
        let more = tokio::time::timeout(Duration::from_millis(60), second.read_exact(&mut byte)).await;
        assert!(more.is_err(), "nothing is read, and the connection stays");
    }

    async fn first_of(listening: &Listening) -> Bounded {
        let accepted = tokio::time::timeout(Duration::from_secs(20), listening.accept());
        accepted.await.expect("the second connection is accepted")
    }
}
