//! Who may read a case.

use tonic::Code;

use super::town::{Town, fields, reason};

#[tokio::test]
async fn a_case_is_read_by_those_on_its_path() {
    let town = Town::start().await;
    let case_id = town.assigned().await;
    for (role, code) in [
        ("office", "150802001-office"),
        ("office", "150802-office"),
        ("office", "150800-office"),
        ("department", "150802001-housing"),
        ("representative", "r-150802001-001"),
        ("auditor", ""),
        ("operator", ""),
    ] {
        let seen = town.get(role, code, &case_id).await.unwrap();
        assert_eq!(seen.history.len(), 2, "{role} {code}");
        assert_eq!(seen.allowed_commands, ["EscalateCase", "AcceptCase", "ReturnCase"]);
    }
    for (role, code) in [
        ("office", "150821-office"),
        ("office", "150802002-office"),
        ("department", "150802-housing"),
        ("representative", "r-150802001-002"),
    ] {
        let denied = town.get(role, code, &case_id).await.unwrap_err();
        assert_eq!((denied.code(), reason(&denied).0.as_str()), (Code::PermissionDenied, "OUT_OF_SCOPE"));
    }
    assert_eq!(fields(&town.get("auditor", "", "x").await.unwrap_err()), ["case_id"]);
    let unknown = town.get("auditor", "", &uuid::Uuid::now_v7().to_string()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    town.house.stop().await;
}
