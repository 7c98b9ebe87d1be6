//! How far a recipient has come.

use huying_proto::notify::v1::{AcknowledgeRequest, Recipient, recipient::Recipient as OneOf};
use tonic::Code;

use crate::house::{
    announced, event, house_with_replica, next, positions, reason, representative, with_token,
};

#[tokio::test]
async fn a_stream_without_a_position_goes_on_after_what_was_acknowledged() {
    let (house, replica, _) = house_with_replica().await;
    let token = house.token("representative", "r-0", "");
    let recipient = representative(0);
    replica.handler.deliver(announced(&[event(&[0]), event(&[0]), event(&[0])])).await.unwrap();

    replica.acknowledge(&token, &recipient, 2).await.unwrap();
    replica.acknowledge(&token, &recipient, 2).await.unwrap();

    let mut stream = replica.subscribe(&token, &recipient, None).await.unwrap();
    assert_eq!(positions(&next(&mut stream, 1).await), [3]);
    house.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_goes_neither_back_nor_beyond() {
    let (house, replica, _) = house_with_replica().await;
    let token = house.token("representative", "r-0", "");
    let recipient = representative(0);

    replica.acknowledge(&token, &recipient, 0).await.unwrap();
    let early = replica.acknowledge(&token, &recipient, 1).await.unwrap_err();
    assert_eq!(early.code(), Code::InvalidArgument);
    assert!(early.message().contains("position: is 1, beyond the last notification"), "{}", early.message());

    replica.handler.deliver(announced(&[event(&[0]), event(&[0]), event(&[0])])).await.unwrap();
    replica.acknowledge(&token, &recipient, 2).await.unwrap();
    let back = replica.acknowledge(&token, &recipient, 1).await.unwrap_err();
    assert_eq!((back.code(), reason(&back).as_str()), (Code::FailedPrecondition, "ACKNOWLEDGED_FURTHER"));
    let beyond = replica.acknowledge(&token, &recipient, u64::MAX).await.unwrap_err();
    assert_eq!(beyond.code(), Code::InvalidArgument);
    house.stop().await;
}

#[tokio::test]
async fn nobody_acknowledges_for_another() {
    let (house, replica, _) = house_with_replica().await;
    replica.handler.deliver(announced(&[event(&[0])])).await.unwrap();

    let stranger = house.token("representative", "r-1", "");
    let status = replica.acknowledge(&stranger, &representative(0), 1).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "RECIPIENT_NOT_YOURS"));
    house.stop().await;
}

#[tokio::test]
async fn an_endless_request_is_not_even_read() {
    let (house, replica, token) = house_with_replica().await;
    let request = AcknowledgeRequest {
        recipient: Some(Recipient { recipient: Some(OneOf::UnitCode("x".repeat(100_000))) }),
        position: 1,
    };
    let refused = replica.client.clone().acknowledge(with_token(request, &token)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    house.stop().await;
}
