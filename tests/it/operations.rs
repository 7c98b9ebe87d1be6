//! What an operator relies on: probes, metrics, health, reflection, and a stop that ends.

use huying_tests::installation::{Installation, SERVICES, http_client};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

#[tokio::test(flavor = "multi_thread")]
async fn each_service_answers_probes_and_stops_with_a_client_still_connected() {
    let mut installation = Installation::with_sample(1).await;
    let http = http_client();
    for service in SERVICES {
        let base = installation.http_url(service, 0);
        for (path, expected) in
            [("/healthz", "ok"), ("/readyz", "ready"), ("/metrics", "huying_outbox_pending")]
        {
            let text = http.get(format!("{base}{path}")).send().await.unwrap().text().await.unwrap();
            assert!(text.contains(expected), "{service}{path}: {text}");
        }

        let channel = installation.channel(service, 0);
        let request = HealthCheckRequest { service: String::new() };
        let health = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
        assert_eq!(health.status(), ServingStatus::Serving);

        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut reflected = ServerReflectionClient::new(channel)
            .server_reflection_info(tokio_stream::once(list))
            .await
            .unwrap()
            .into_inner();
        let answer = reflected.message().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::ListServicesResponse(services) = answer else { panic!("{answer:?}") };
        let package = format!("huying.{service}.v1.");
        assert!(services.service.iter().any(|one| one.name.starts_with(&package)), "{services:?}");

        // The channel above is still open, and a connection that never says a word as well.
        let address = installation.grpc_url(service, 0).replace("http://", "");
        let silent = tokio::net::TcpStream::connect(address).await.unwrap();
        let (took, ended_well) = installation.terminate(service, 0).await;
        assert!(ended_well && took.as_secs() < 30, "{service} took {took:?}");
        drop(silent);
    }
    installation.stop().await;
}
