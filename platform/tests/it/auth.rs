//! Tokens: who gets in, and with what reason the others do not.

use huying_platform::testkit::TestHouse;
use huying_proto::operations::v1::{
    ListDeadLettersRequest, dead_letter_service_client::DeadLetterServiceClient,
};
use serde_json::json;
use tonic::{Code, Request, service::Routes};
use tonic_types::StatusExt as _;

fn with_token(token: &str) -> Request<ListDeadLettersRequest> {
    let mut request = Request::new(ListDeadLettersRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_true_and_timely_token_of_the_right_role_gets_in() {
    let house = TestHouse::start("auth", &[]).await;
    let mut client = DeadLetterServiceClient::new(house.grpc_channel(Routes::default()).await);
    let now = house.platform.clock.now().as_second();
    let claims = |role: &str, code: &str, audience: &str, exp: i64| json!({"sub": "x", "role": role, "code": code, "aud": audience, "exp": exp, "iat": now});

    let not_before =
        |nbf: i64| json!({"sub": "x", "role": "operator", "aud": "huying", "exp": now + 600, "nbf": nbf});

    let missing = client.list_dead_letters(ListDeadLettersRequest::default()).await.unwrap_err();
    assert_eq!(missing.code(), Code::Unauthenticated);
    assert_eq!(missing.get_details_error_info().unwrap().reason, "TOKEN_MISSING");

    let good = house.token("operator", "", "");
    let (header_and_body, _) = good.rsplit_once('.').unwrap();
    let (_, other_signature) = house
        .token("operator", "", "150800")
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let none_algorithm = "eyJhbGciOiJub25lIiwia2lkIjoidGVzdCJ9.eyJzdWIiOiJ4Iiwicm9sZSI6Im9wZXJhdG9yIn0.";
    for (token, reason) in [
        (format!("{header_and_body}.{other_signature}"), "TOKEN_INVALID"),
        (none_algorithm.to_owned(), "TOKEN_INVALID"),
        ("garbage".to_owned(), "TOKEN_INVALID"),
        (house.token_with(&claims("operator", "", "other", now + 60)), "TOKEN_INVALID"),
        (house.token_with(&claims("emperor", "", "huying", now + 60)), "TOKEN_INVALID"),
        (house.token_with(&claims("department", "", "huying", now + 60)), "TOKEN_INVALID"),
        (house.token_with(&claims("operator", "", "huying", now - 60)), "TOKEN_EXPIRED"),
        (house.token_with(&not_before(now + 60)), "TOKEN_INVALID"),
    ] {
        let refused = client.list_dead_letters(with_token(&token)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{token}");
        assert_eq!(refused.get_details_error_info().unwrap().reason, reason, "{token}");
    }

    let department = house.token("department", "150802-housing", "150802");
    let denied = client.list_dead_letters(with_token(&department)).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(denied.get_details_error_info().unwrap().reason, "ROLE_NOT_ALLOWED");

    let of_one_region = house.token("operator", "", "150802");
    let denied = client.list_dead_letters(with_token(&of_one_region)).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(denied.get_details_error_info().unwrap().reason, "OUT_OF_SCOPE");

    client.list_dead_letters(with_token(&good)).await.unwrap();
    client.list_dead_letters(with_token(&house.token_with(&not_before(now - 60)))).await.unwrap();
    house.stop().await;
}
