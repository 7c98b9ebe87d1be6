//! The snapshot of reference data follows the day.

use huying_platform::{directory::Kind, testkit::TestHouse};
use huying_proto::events::v1::{DirectoryEntry, Region, directory_entry::Entry};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_day_renews_the_snapshot_without_an_import() {
    let house = TestHouse::start("directory", &[]).await;
    house.clock.set("2026-06-30T15:59:59Z".parse().unwrap());
    let region = |code: &str| Region { code: code.into(), ..Region::default() };
    let entry = |region: Region, from: &str, until: &str| DirectoryEntry {
        entry: Some(Entry::Region(region)),
        valid_from: from.into(),
        valid_until: until.into(),
        ..DirectoryEntry::default()
    };
    let merged = Region { replaced_by: "150802002".into(), ..region("150802001") };
    house
        .set_directory(&[
            entry(merged, "", "2026-07-01"),
            entry(region("150802002"), "2026-07-01", ""),
            entry(region("150802003"), "", ""),
        ])
        .await;
    let active = || {
        let directory = house.platform.directory.load();
        ["150802001", "150802002", "150802003"].map(|code| directory.is_active(Kind::Region, code))
    };
    assert_eq!(active(), [true, false, true]);

    house.clock.set("2026-06-30T16:00:00Z".parse().unwrap());
    house.until("the day has changed", async || active() == [false, true, true]).await;
    let directory = house.platform.directory.load();
    assert_eq!(directory.revision(), 1);
    assert_eq!(directory.successor_of("150802001").unwrap().code, "150802002");

    house.clock.set("2026-06-30T15:00:00Z".parse().unwrap());
    house.until("the clock was put back", async || active() == [true, false, true]).await;
    house.stop().await;
}
