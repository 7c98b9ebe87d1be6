//! What the machine can do: the parts of the work, alone, with the same messages and rows.

use std::{
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use huying_platform::service::{broker_options, servers};
use huying_proto::intake::v1::{
    ErasePrivatePartRequest, ErasePrivatePartResponse, RateCaseRequest, RateCaseResponse,
    ReadPrivatePartRequest, ReadPrivatePartResponse, SubmitCaseRequest, SubmitCaseResponse, TrackCaseRequest,
    TrackCaseResponse, UploadPictureRequest, UploadPictureResponse, WithdrawCaseRequest,
    WithdrawCaseResponse,
    intake_service_client::IntakeServiceClient,
    intake_service_server::{IntakeService, IntakeServiceServer},
};
use huying_tests::town::message;
use prost::Message as _;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::sync::{mpsc, oneshot};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Server},
};
use uuid::Uuid;

use crate::load::closed_loop;

/// fsyncs a second of a small write to one file.
pub(crate) fn fsync(directory: &Path, span: Duration) -> f64 {
    let path = directory.join("fsync");
    let mut file = std::fs::File::create(&path).unwrap();
    let started = Instant::now();
    let mut count = 0_u64;
    while started.elapsed() < span {
        file.write_all(&[7; 4_096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    rate
}

/// Calls a second that a bare tonic server answers, with the message and the answer of a submission.
pub(crate) async fn echo(citizens: usize, span: Duration) -> anyhow::Result<f64> {
    let channel = serve(Echo { rows: None }).await?;
    Ok(calls(&channel, citizens, span).await)
}

/// The same with one group-committed insert of two rows a call: what a durable answer costs at the least.
pub(crate) async fn echo_and_insert(postgres: &str, citizens: usize, span: Duration) -> anyhow::Result<f64> {
    let table = Table::create(postgres).await?;
    let (rows, queue) = mpsc::channel(8_192);
    let committer = tokio::spawn(commit_groups(table.pool.clone(), queue));
    let channel = serve(Echo { rows: Some(rows) }).await?;
    let rate = calls(&channel, citizens, span).await;
    committer.abort();
    table.drop().await?;
    Ok(rate)
}

/// Rows a second that PostgreSQL takes in transactions of 256, from two connections.
pub(crate) async fn inserts(postgres: &str, span: Duration) -> anyhow::Result<f64> {
    let table = Table::create(postgres).await?;
    let payload = message("150802001", "基准").encode_to_vec();
    let count = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let writers = (0..2).map(|_| {
        let (pool, payload, count) = (table.pool.clone(), payload.clone(), Arc::clone(&count));
        tokio::spawn(async move {
            while started.elapsed() < span {
                let rows: Vec<_> = (0..256).map(|_| payload.clone()).collect();
                insert(&pool, &rows).await.unwrap();
                count.fetch_add(256, Ordering::Relaxed);
            }
        })
    });
    futures_util::future::try_join_all(writers).await?;
    let rate = count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    table.drop().await?;
    Ok(rate)
}

/// Messages a second that JetStream acknowledges in atomic batches of 500, one batch at a time.
pub(crate) async fn jetstream(nats: &str, span: Duration) -> anyhow::Result<f64> {
    let client = broker_options(nats)?.connect(servers(nats)).await?;
    let context = async_nats::jetstream::new(client.clone());
    let name = format!("bench-{}", Uuid::now_v7().simple());
    let config = async_nats::jetstream::stream::Config {
        name: name.clone(),
        subjects: vec![format!("{name}.>")],
        allow_atomic_publish: true,
        ..Default::default()
    };
    context.create_stream(config).await?;
    let payload = bytes::Bytes::from(message("150802001", "基准").encode_to_vec());
    let started = Instant::now();
    let mut count = 0_u64;
    while started.elapsed() < span {
        let batch = Uuid::now_v7().simple().to_string();
        for at in 1..=500_u32 {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Batch-Id", batch.as_str());
            headers.insert("Nats-Batch-Sequence", at.to_string());
            headers.insert("Nats-Msg-Id", Uuid::now_v7().to_string());
            let subject = format!("{name}.x");
            if at < 500 {
                client.publish_with_headers(subject, headers, payload.clone()).await?;
            } else {
                headers.insert("Nats-Batch-Commit", "1");
                let answer = client.request_with_headers(subject, headers, payload.clone()).await?;
                anyhow::ensure!(
                    !answer.payload.windows(7).any(|part| part == b"\"error\""),
                    "{:?}",
                    answer.payload
                );
            }
        }
        count += 500;
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    context.delete_stream(&name).await?;
    Ok(rate)
}

async fn calls(channel: &Channel, citizens: usize, span: Duration) -> f64 {
    let client = IntakeServiceClient::new(channel.clone());
    closed_loop(citizens, span, async |n| {
        client.clone().submit_case(message("150802001", &format!("第{n}封"))).await.unwrap();
    })
    .await
}

async fn serve(echo: Echo) -> anyhow::Result<Channel> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(Server::builder().add_service(IntakeServiceServer::new(echo)).serve_with_incoming(incoming));
    Ok(Channel::from_shared(format!("http://{address}"))?.connect().await?)
}

type Waiting = (Vec<u8>, oneshot::Sender<()>);

struct Echo {
    rows: Option<mpsc::Sender<Waiting>>,
}

#[tonic::async_trait]
impl IntakeService for Echo {
    async fn submit_case(
        &self,
        request: Request<SubmitCaseRequest>,
    ) -> Result<Response<SubmitCaseResponse>, Status> {
        if let Some(rows) = &self.rows {
            let (done, waiting) = oneshot::channel();
            rows.send((request.into_inner().encode_to_vec(), done)).await.unwrap();
            waiting.await.unwrap();
        }
        Ok(Response::new(SubmitCaseResponse {
            case_id: Uuid::now_v7().to_string(),
            receipt_code: "7K3M9-QX2TA-7K3M9-QX2TA".to_owned(),
            ..SubmitCaseResponse::default()
        }))
    }

    async fn track_case(&self, _: Request<TrackCaseRequest>) -> Result<Response<TrackCaseResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn rate_case(&self, _: Request<RateCaseRequest>) -> Result<Response<RateCaseResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn withdraw_case(
        &self,
        _: Request<WithdrawCaseRequest>,
    ) -> Result<Response<WithdrawCaseResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn upload_picture(
        &self,
        _: Request<tonic::Streaming<UploadPictureRequest>>,
    ) -> Result<Response<UploadPictureResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn read_private_part(
        &self,
        _: Request<ReadPrivatePartRequest>,
    ) -> Result<Response<ReadPrivatePartResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn erase_private_part(
        &self,
        _: Request<ErasePrivatePartRequest>,
    ) -> Result<Response<ErasePrivatePartResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }
}

async fn commit_groups(pool: PgPool, mut queue: mpsc::Receiver<Waiting>) {
    let mut group = Vec::new();
    while queue.recv_many(&mut group, 256).await > 0 {
        let (rows, waiting): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        // Two rows a call: the submission and its event.
        let rows: Vec<_> = rows.iter().chain(&rows).cloned().collect();
        insert(&pool, &rows).await.unwrap();
        for done in waiting {
            // A client that went away at the end of the round needs no answer.
            let _ = done.send(());
        }
    }
}

async fn insert(pool: &PgPool, rows: &[Vec<u8>]) -> sqlx::Result<()> {
    let ids: Vec<_> = rows.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query("INSERT INTO bench (id, payload) SELECT * FROM unnest($1::uuid[], $2::bytea[])")
        .bind(ids)
        .bind(rows)
        .execute(pool)
        .await?;
    Ok(())
}

struct Table {
    pool: PgPool,
}

impl Table {
    async fn create(postgres: &str) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new().max_connections(4).connect(postgres).await?;
        sqlx::query("DROP TABLE IF EXISTS bench").execute(&pool).await?;
        sqlx::query("CREATE TABLE bench (id uuid PRIMARY KEY, payload bytea NOT NULL)")
            .execute(&pool)
            .await?;
        Ok(Self { pool })
    }

    async fn drop(self) -> anyhow::Result<()> {
        sqlx::query("DROP TABLE bench").execute(&self.pool).await?;
        self.pool.close().await;
        Ok(())
    }
}
