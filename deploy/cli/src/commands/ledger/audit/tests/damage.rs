//! What was changed, left out or added after the fact.

use super::*;

/// Changes a ledger, and is found by exactly these lines (or the beginnings of them).
async fn finds(change: impl FnOnce(&mut Ledger), expected: &[&str]) {
    let mut ledger = Ledger::honest();
    change(&mut ledger);
    let found = ledger.findings().await;
    let is_as_expected =
        found.len() == expected.len() && found.iter().zip(expected).all(|(found, part)| found.contains(part));
    assert!(is_as_expected, "expected {expected:#?}, found {found:#?}");
}

/// Puts a changed leaf into the place of one, in a tree that is signed all the same.
fn rewritten(ledger: &mut Ledger, index: usize, part: &str, other: &str) {
    let changed = ledger.leaves[index].replacen(part, other, 1);
    assert_ne!(changed, ledger.leaves[index]);
    ledger.leaves[index] = changed;
}

#[tokio::test]
async fn a_leaf_that_was_changed_after_signing_is_found() {
    // In the database the bundle is made from; the tiles stay.
    let honest = Ledger::honest();
    let note = honest.note(honest.leaves.len());
    let tiles: Vec<(String, Vec<u8>)> = ["/log/tile/0/000", "/log/tile/0/001.p/53", "/log/tile/1/000.p/1"]
        .map(|path| (path.to_owned(), honest.tile(path).unwrap()))
        .into();
    finds(
        |ledger| {
            rewritten(ledger, 20, "2026-11-05T00:00:00", "2026-11-05T00:00:01");
            ledger.notes = vec![note];
            ledger.instead.extend(tiles.into_iter().map(|(path, tile)| (path, Ok(tile))));
        },
        &[
            "tile        /log/tile/0/000, hash 20 of its level: expected ",
            "case        /cases.jsonl case 0197a3f0-5d1e-7c3a-9000-00000000000b updated_at: expected 2026-11-05T00:00:01Z, found 2026-11-05T00:00:00Z",
            "checkpoint  /log/checkpoint, 309 leaves: expected the root of the leaves, ",
            "tile        /log/tile/1/000.p/1, hash 0 of its level",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_tile_that_was_changed_is_found_wherever_it_is() {
    for (path, line) in [
        ("/log/tile/0/000", "hash 7 of its level"),
        ("/log/tile/0/001.p/53", "hash 263 of its level"),
        ("/log/tile/1/000.p/1", "hash 0 of its level"),
    ] {
        let mut tile = Ledger::honest().tile(path).unwrap();
        let last = tile.len().min(8 * 32) - 1;
        tile[last] ^= 1;
        let place = format!("tile        {path}, {line}: expected ");
        finds(|ledger| drop(ledger.instead.insert(path.into(), Ok(tile))), &[&place]).await;
        let missing = format!("tile        {path}: expected the hashes of the leaves, found HTTP 500");
        let instead = Err(StatusCode::INTERNAL_SERVER_ERROR);
        finds(|ledger| drop(ledger.instead.insert(path.into(), instead)), &[&missing]).await;
        let short =
            format!("tile        {path}: expected the hashes of the leaves, found 31 bytes instead of");
        finds(|ledger| drop(ledger.instead.insert(path.into(), Ok(vec![0; 31]))), &[&short]).await;
    }
}

#[tokio::test]
async fn a_bundle_that_cannot_be_read_ends_the_audit_and_is_told() {
    let path = "/log/tile/entries/001.p/53";
    let expected = [
        "leaf        /log/tile/entries/001.p/53: expected a bundle of 53 leaves, found HTTP 500",
        "leaf        the log: expected 309 leaves, found 256; nothing after them was compared",
    ];
    let instead = Err(StatusCode::INTERNAL_SERVER_ERROR);
    finds(|ledger| drop(ledger.instead.insert(path.into(), instead)), &expected).await;
    let bundle = Ledger::honest().tile(path).unwrap();
    let cut_off = bundle[..bundle.len() - 1].to_vec();
    let expected = ["found a bundle that ends within entry 52", expected[1]];
    finds(|ledger| drop(ledger.instead.insert(path.into(), Ok(cut_off))), &expected).await;
}

#[tokio::test]
async fn a_checkpoint_of_other_leaves_is_found() {
    let mut other = Ledger::honest();
    other.leaves.swap(100, 101);
    let note = other.note(other.leaves.len());
    finds(|ledger| ledger.notes = vec![note.clone()], &["/log/checkpoint, 309 leaves"]).await;
    // Two trees of one size, one of them that of the leaves.
    let honest = Ledger::honest();
    let notes = vec![note, honest.note(honest.leaves.len())];
    finds(|ledger| ledger.notes = notes, &["/log/checkpoint at first, 309 leaves"]).await;
}

#[tokio::test]
async fn a_leaf_in_another_form_than_the_canonical_one_is_found() {
    finds(
        |ledger| rewritten(ledger, 20, "\"case_version\":1", "\"case_version\": 1"),
        &[
            "leaf        leaf 20: expected the canonical JSON of an event, found something else: at byte ",
            "figures     /regions.jsonl 150900 received (of 309 leaves): expected 299, found 300",
            "150900 open (of 309 leaves): expected 299, found 300",
            "/regions.jsonl?month=2026-11 150900 received",
            "/regions.jsonl?month=2026-11 150900 open",
            "case        /cases.jsonl case 0197a3f0-5d1e-7c3a-9000-00000000000b: expected no such case, found version 1",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_leaf_that_nobody_can_understand_is_found() {
    let mut ledger = Ledger::honest();
    rewritten(&mut ledger, 8, "DeadlineExpired", "DeadlineForgotten");
    let found = ledger.findings().await;
    assert!(found[0].contains("leaf 8: ") && found[0].contains("a newer one may"), "{found:#?}");
}

#[tokio::test]
async fn a_version_that_is_missing_repeated_or_out_of_order_is_found() {
    // Version 2 of case A is left out of the log.
    let found = {
        let mut ledger = Ledger::honest();
        ledger.leaves.remove(2);
        ledger.findings().await
    };
    let line = format!("leaf        leaf 2, of case {CASE_A}: expected version 2, found version 3");
    assert!(found.contains(&line), "{found:#?}");
    // It stands there twice.
    let found = {
        let mut ledger = Ledger::honest();
        let again = ledger.leaves[2].clone();
        ledger.leaves.insert(3, again);
        ledger.findings().await
    };
    let line = format!("leaf        leaf 3, of case {CASE_A}: expected version 3, found version 2");
    assert!(found.contains(&line), "{found:#?}");
    // It comes too late, and so does the first.
    let found = {
        let mut ledger = Ledger::honest();
        ledger.leaves.swap(2, 3);
        ledger.findings().await
    };
    for (leaf, expected, version) in [(2, 2, 3), (3, 4, 2)] {
        let line =
            format!("leaf {leaf}, of case {CASE_A}: expected version {expected}, found version {version}");
        assert!(found.iter().any(|found| found.contains(&line)), "{found:#?}");
    }
    let found = {
        let mut ledger = Ledger::honest();
        ledger.leaves.swap(0, 2);
        ledger.findings().await
    };
    let line = format!("leaf 0, of case {CASE_A}: expected version 1, found version 2");
    assert!(found.iter().any(|found| found.contains(&line)), "{found:#?}");
}

#[tokio::test]
async fn whatever_is_otherwise_in_a_case_is_found() {
    let row = STORY + FILLERS - 8;
    for (field, value, expected, found) in [
        ("state", json!("replied"), "closed", "replied"),
        ("kind", json!("suggestion"), "message", "suggestion"),
        ("publication", json!("status_only"), "public", "status_only"),
        ("municipal", json!("150801"), "150800", "150801"),
        ("district", json!(null), "150802", "nothing"),
        ("township", json!("150802002"), "150802001", "150802002"),
        ("addressee_kind", json!("station"), "representative", "station"),
        ("addressee", json!("r-2"), "r-1", "r-2"),
        ("category", json!("城乡建设"), "城乡建设/供热", "城乡建设"),
        ("submitted_at", json!("2026-10-31T15:00:01Z"), "2026-10-31T15:00:00Z", "2026-10-31T15:00:01Z"),
        ("updated_at", json!("2026-11-11T00:00:01Z"), "2026-11-11T00:00:00Z", "2026-11-11T00:00:01Z"),
        ("holder_office", json!("x"), "150802-office", "x"),
        ("responsible_unit", json!("x"), "150802-housing", "x"),
        ("deadline_at", json!("2026-11-11T00:00:01Z"), "nothing", "2026-11-11T00:00:01Z"),
        ("case_deadline_at", json!("2026-11-11T00:00:01Z"), "nothing", "2026-11-11T00:00:01Z"),
        ("overdue", json!(true), "false", "true"),
        ("registered", json!(false), "true", "false"),
        ("open_parts", json!(1), "0", "1"),
        ("petitioner_count", json!(2), "1", "2"),
        ("merged_into", json!(CASE_B), "nothing", CASE_B),
        ("first_replied_at", json!("2026-11-10T09:00:01Z"), "2026-11-10T09:00:00Z", "2026-11-10T09:00:01Z"),
        ("replied_in_time", json!(false), "true", "false"),
        ("replied_unit", json!("x"), "150802-housing", "x"),
        ("replied_holder", json!("x"), "150802-office", "x"),
        ("resolved", json!(false), "true", "false"),
        ("satisfied", json!(true), "false", "true"),
        ("returned", json!(1), "0", "1"),
        ("extensions_granted", json!(1), "0", "1"),
        ("supervised", json!(1), "0", "1"),
        ("criticised", json!(1), "0", "1"),
        ("closed_at", json!(null), "2026-11-11T00:00:00Z", "nothing"),
        ("erased_before_version", json!(2), "nothing", "2"),
    ] {
        let line =
            format!("case        /cases.jsonl case {CASE_A} {field}: expected {expected}, found {found}");
        finds(|ledger| ledger.cases[row][field] = value, &[&line]).await;
    }
}

#[tokio::test]
async fn a_case_of_another_version_or_that_is_left_out_or_made_up_is_found() {
    let row = STORY + FILLERS - 8;
    let place = format!("case        /cases.jsonl case {CASE_A}: expected");
    let later = format!("{place} version 6 at most, found version 7");
    finds(|ledger| ledger.cases[row]["case_version"] = json!(7), &[&later]).await;
    let left_out = format!("{place} version 6 or a later one, found no row");
    finds(|ledger| drop(ledger.cases.remove(row)), &[&left_out]).await;
    let stale = format!("{place} version 6 or a later one, found version 1");
    finds(
        |ledger| {
            ledger.cases[row] = case_row(
                CASE_A,
                1,
                "2026-10-31T15:00:00Z",
                "2026-10-31T15:00:00Z",
                json!({
                    "township": "150802001", "addressee_kind": "representative", "addressee": "r-1",
                }),
            );
        },
        &[&stale],
    )
    .await;
    let made_up =
        format!("case        /cases.jsonl case {}: expected no such case, found version 1", filler_id(9_999));
    finds(
        |ledger| {
            let row =
                case_row(&filler_id(9_999), 1, "2026-11-05T00:00:00Z", "2026-11-05T00:00:00Z", json!({}));
            ledger.cases.push(row);
        },
        &[&made_up],
    )
    .await;
}

#[tokio::test]
async fn a_text_that_is_another_missing_made_up_or_not_public_is_found() {
    let place = format!("text        /texts.jsonl case {CASE_A} version");
    let changed = format!("{place} 3 note: expected the text that the leaf commits to as ");
    finds(|ledger| ledger.texts[2]["text"] = json!("请尽快办理"), &[&changed]).await;
    finds(|ledger| ledger.texts[2]["salt"] = json!("02".repeat(32)), &[&changed]).await;
    let missing = format!("{place} 5 text: expected the public text, found nothing");
    finds(|ledger| drop(ledger.texts.remove(3)), &[&missing]).await;
    let made_up = format!("{place} 2 note: expected nothing, found a text that no leaf commits to");
    finds(|ledger| ledger.texts.push(text(CASE_A, 2, "note", "x")), &[&made_up]).await;
    let private = format!(
        "text        /texts.jsonl case {CASE_B} version 1 body: expected nothing, found a text that is not public"
    );
    finds(|ledger| ledger.texts.push(text(CASE_B, 1, "body", "暖气不热")), &[&private]).await;
}

#[tokio::test]
async fn a_title_that_is_shown_hidden_or_exchanged_in_the_list_of_cases_is_found() {
    let row = STORY + FILLERS - 8;
    let place = format!("text        /cases.jsonl case {CASE_A} title: expected");
    let hidden = format!("{place} the title, found nothing");
    finds(|ledger| ledger.cases[row]["title"] = json!(null), &[&hidden]).await;
    let place_b = format!("text        /cases.jsonl case {CASE_B} title: expected");
    let shown = format!("{place_b} nothing, found the title");
    finds(|ledger| ledger.cases[row - 1]["title"] = json!("暖气"), &[&shown]).await;
    let other = format!(
        "text        /texts.jsonl case {CASE_A} version 1 title: expected the title that /cases.jsonl has, found another one"
    );
    finds(|ledger| ledger.cases[row]["title"] = json!("路灯"), &[&other]).await;
}

#[tokio::test]
async fn whatever_is_otherwise_in_a_figure_is_found() {
    for column in [
        "received",
        "replied",
        "replied_in_time",
        "rated",
        "resolved",
        "satisfied",
        "silent",
        "awaiting_rating",
        "answered_along",
        "open",
        "overdue",
        "declined",
        "withdrawn",
        "returned",
        "extensions_granted",
        "supervised",
        "criticised",
        "expired",
        "parts",
        "parts_answered",
        "transferred",
        "extensions_requested",
        "urged",
        "median_reply_seconds",
    ] {
        let was = Ledger::honest().units[2][column].as_u64().unwrap();
        let line = format!(
            "figures     /units.jsonl 150802-office {column} (of 309 leaves): expected {was}, found {}",
            was + 1
        );
        finds(|ledger| ledger.units[2][column] = json!(was + 1), &[&line]).await;
    }
    for (column, value) in [
        ("response_rate_percent", json!(50.1)),
        ("resolution_rate_percent", json!(null)),
        ("rated", json!("1")),
    ] {
        let place = format!("/regions.jsonl 150800 {column} (of 309 leaves)");
        finds(|ledger| ledger.regions[0][column] = value, &[&place]).await;
    }
    finds(
        |ledger| ledger.representatives[3]["last_act_at"] = json!("2026-11-01T04:00:00.000001Z"),
        &["/representatives.jsonl?month=2026-11 r-2 last_act_at (of 309 leaves): expected 2026-11-01T04:00:00Z, found \"2026-11-01T04:00:00.000001Z\""],
    )
    .await;
    finds(
        |ledger| ledger.units[1]["criticised"] = json!(1),
        &["/units.jsonl 150802-idle criticised (of 309 leaves): expected 0, found 1"],
    )
    .await;
}

#[tokio::test]
async fn figures_that_are_left_out_or_made_up_are_found() {
    finds(
        |ledger| drop(ledger.units.remove(0)),
        &["figures     /units.jsonl 150802-housing (of 309 leaves): expected a row (received 1), found none"],
    )
    .await;
    finds(
        |ledger| ledger.regions[8] = counts("region", "150802", [0; 8], None, Some("2026-11")),
        &[
            "/regions.jsonl?month=2026-11 150802 received (of 309 leaves): expected 1, found nothing",
            "150802 open (of 309 leaves): expected 1, found nothing",
            "150802 overdue (of 309 leaves): expected 1, found nothing",
            "150802 response_rate_percent (of 309 leaves): expected 0.0, found nothing",
        ],
    )
    .await;
    finds(
        |ledger| ledger.representatives.push(duty("r-3", [0, 1, 1, 0, 0, 0, 0, 0], None, None)),
        &["r-3 claimed (of 309 leaves): expected 0, found 1", "r-3 taken_on", "r-3 answer_rate_percent"],
    )
    .await;
    let made_up = json!({
        "month": "2026-11", "kind": "escalated", "from_unit": "150802-office", "to_unit": "150800-office",
        "times": 1, "tree_size": STORY + FILLERS,
    });
    let place =
        "figures     /flows.jsonl 2026-11 escalated 150802-office 150800-office times (of 309 leaves)";
    finds(|ledger| ledger.flows.push(made_up), &[&format!("{place}: expected 0, found 1")]).await;
}

#[tokio::test]
async fn figures_of_a_tree_that_there_is_not_are_found() {
    finds(
        |ledger| ledger.units[..3].iter_mut().for_each(|row| row["tree_size"] = json!(400)),
        &["figures     /units.jsonl: expected figures of a tree of at most 309 leaves, found 400 leaves"],
    )
    .await;
    finds(
        |ledger| ledger.units[1]["tree_size"] = json!(308),
        &["export      /units.jsonl: expected all rows of one tree, found one of 150802-idle of another, 308 leaves"],
    )
    .await;
    // What they say is right for their tree, which is an old one.
    finds(
        |ledger| ledger.units.iter_mut().for_each(|row| row["tree_size"] = json!(300)),
        &[
            "/units.jsonl: expected figures of a tree of 309 leaves or more, found 300 leaves after 1 s",
            "/units.jsonl?month=2026-11: expected figures of a tree of 309 leaves or more, found 300 leaves after 1 s",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_file_that_is_not_whole_or_not_in_its_form_is_found() {
    let cut_off = Ledger::honest().file("/texts.jsonl", 0).unwrap();
    let cut_off = cut_off[..cut_off.len() - 25].to_vec();
    let line = "export      /texts.jsonl: expected the whole file, found one that breaks off";
    finds(|ledger| drop(ledger.instead.insert("/texts.jsonl".into(), Ok(cut_off))), &[line]).await;
    let short = b"{\"end\":true,\"rows\":4}\n".to_vec();
    let line =
        "export      /texts.jsonl: expected the whole file, found one that says it has 4 rows after 0 rows";
    finds(|ledger| drop(ledger.instead.insert("/texts.jsonl".into(), Ok(short))), &[line]).await;
    let missing = Err(StatusCode::INTERNAL_SERVER_ERROR);
    let line = "export      /cases.jsonl: expected the whole file, found HTTP 500";
    let found = {
        let mut ledger = Ledger::honest();
        ledger.instead.insert("/cases.jsonl".into(), missing);
        ledger.findings().await
    };
    assert!(found.len() == 1 && found[0].contains(line), "{found:#?}");
    finds(
        |ledger| ledger.texts[0]["salt"] = json!("00"),
        &["export      /texts.jsonl: expected a text with its salt, found body of version 1"],
    )
    .await;
    let row = STORY + FILLERS - 8;
    finds(
        |ledger| ledger.cases[row]["state"] = json!("gone"),
        &["/cases.jsonl: expected a case, found 0197a3f0-5d1e-7c3a-8000-00000000000a with a state that makes no sense"],
    )
    .await;
    finds(
        |ledger| ledger.cases.push(ledger.cases[0].clone()),
        &["/cases.jsonl: expected each case once, found 0197a3f0-5d1e-7c3a-9000-000000000000"],
    )
    .await;
    finds(
        |ledger| ledger.texts.push(ledger.texts[0].clone()),
        &["/texts.jsonl: expected each text once, found body of version 1 of case"],
    )
    .await;
}
