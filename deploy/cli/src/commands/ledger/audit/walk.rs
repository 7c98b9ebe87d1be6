//! Reads a log from its first leaf to its last: bundles with their tiles of hashes, some at a time, and in order.
//!
//! Guarantees that every tile that the standard demands for a tree of this size is read and compared with the one made of
//! the leaves. Leaves are hashed, checked and understood on other threads, which is most of the work.

use data_encoding::BASE64;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::memory::Memory;
use crate::{
    failure::Failure,
    http::Site,
    progress::Progress,
    verify::{
        auditor::Auditor,
        canonical,
        findings::{Discrepancy, Subject},
        merkle::{Hash, leaf_hash},
        tiles::{self, BUNDLE_BYTES_MAX, TILE_WIDTH, Tile, Tiles, bundle_path},
        told::Told,
    },
};

/// Bundles that are fetched at the same time, each with its tile.
const FETCHES: usize = 8;
const TILE_BYTES_MAX: usize = TILE_WIDTH * size_of::<Hash>();
const WIDTH: u64 = TILE_WIDTH as u64;

/// How many files of the log were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Walked {
    pub(super) bundles: u64,
    pub(super) tiles: u64,
    /// It came to the end of the log.
    pub(super) is_whole: bool,
}

/// Up to 256 leaves, and what is wrong with the files they are in.
struct Bundle {
    /// `None` when they cannot be read.
    leaves: Option<Vec<Leaf>>,
    wrong: Vec<Discrepancy>,
}

type Leaf = (Hash, Result<Told, String>);

/// Has the auditor read the first `size` leaves.
///
/// # Errors
/// When the ledger cannot be reached, or has more than may be held.
pub(super) async fn walk(
    site: &Site,
    size: u64,
    auditor: &mut Auditor,
    progress: &mut Progress,
    memory: Memory,
) -> Result<Walked, Failure> {
    let mut walked = Walked::default();
    let mut made = Tiles::default();
    let bundles = stream::iter(0..size.div_ceil(WIDTH)).map(|index| {
        let width = usize::try_from((size - index * WIDTH).min(WIDTH)).unwrap_or(TILE_WIDTH);
        read_bundle(site, index, width)
    });
    let mut bundles = bundles.buffered(FETCHES);
    while let Some(bundle) = bundles.try_next().await? {
        walked.bundles += 1;
        walked.tiles += 1;
        bundle.wrong.into_iter().for_each(|discrepancy| auditor.add(discrepancy));
        let Some(leaves) = bundle.leaves else { return Ok(walked) };
        for (hash, told) in leaves {
            auditor.append(hash, told);
            for tile in made.append(hash).iter().filter(|tile| tile.level > 0) {
                walked.tiles += 1;
                compare_tile(site, tile, auditor).await?;
            }
        }
        let read = auditor.size();
        memory.check(auditor.held_bytes(), "the log")?;
        progress.tell(|| format!("{read} of {size} leaves, {} discrepancies", auditor.found()));
    }
    for tile in made.partial().filter(|tile| tile.level > 0) {
        walked.tiles += 1;
        compare_tile(site, tile, auditor).await?;
    }
    walked.is_whole = true;
    Ok(walked)
}

/// Fetches a bundle and its tile, and judges everything that can be judged of them alone.
async fn read_bundle(site: &Site, index: u64, width: usize) -> Result<Bundle, Failure> {
    let tile = Tile { level: 0, index, hashes: vec![[0; 32]; width] }.path();
    let bundle = bundle_path(index, width);
    let (bundle_place, tile_place) = (format!("/log/tile/{bundle}"), format!("/log/tile/{tile}"));
    let (bundle, tile) =
        tokio::try_join!(site.file(&bundle_place, BUNDLE_BYTES_MAX), site.file(&tile_place, TILE_BYTES_MAX))?;
    let judged = tokio::task::spawn_blocking(move || {
        let mut wrong = Vec::new();
        let leaves = bundle.map_err(|found| found.0).and_then(|bundle| {
            let entries = tiles::entries(&bundle, width)?;
            Ok(entries.into_iter().map(judge_leaf).collect::<Vec<Leaf>>())
        });
        let leaves = leaves
            .map_err(|found| {
                let expected = format!("a bundle of {width} leaves");
                wrong.push(Discrepancy::new(Subject::Leaf, &bundle_place, expected, found));
            })
            .ok();
        let served = tile.map_err(|found| found.0).and_then(|tile| tiles::hashes(&tile, width));
        let own: Option<Vec<Hash>> =
            leaves.as_ref().map(|leaves| leaves.iter().map(|(hash, _)| *hash).collect());
        compare_hashes(&tile_place, index * WIDTH, own.as_deref(), served, &mut wrong);
        Bundle { leaves, wrong }
    });
    judged.await.map_err(|error| Failure::unexpected(format!("bundle {index} was not judged: {error}")))
}

fn judge_leaf(leaf: &[u8]) -> Leaf {
    let told = std::str::from_utf8(leaf).map_err(|_| "no UTF-8".to_owned()).and_then(|leaf| {
        canonical::check(leaf).map_err(|reason| format!("something else: {reason}"))?;
        Told::parse(leaf)
    });
    (leaf_hash(leaf), told)
}

async fn compare_tile(site: &Site, tile: &Tile, auditor: &mut Auditor) -> Result<(), Failure> {
    let place = format!("/log/tile/{}", tile.path());
    let served = site.file(&place, TILE_BYTES_MAX).await?;
    let served = served.map_err(|found| found.0).and_then(|bytes| tiles::hashes(&bytes, tile.hashes.len()));
    let mut wrong = Vec::new();
    compare_hashes(&place, tile.index * WIDTH, Some(&tile.hashes), served, &mut wrong);
    wrong.into_iter().for_each(|discrepancy| auditor.add(discrepancy));
    Ok(())
}

/// Compares the hashes of a tile with those that follow from the leaves, if they could be read.
fn compare_hashes(
    place: &str,
    first: u64,
    own: Option<&[Hash]>,
    served: Result<Vec<Hash>, String>,
    wrong: &mut Vec<Discrepancy>,
) {
    let served = match served {
        Ok(served) => served,
        Err(found) => {
            wrong.push(Discrepancy::new(Subject::Tile, place, "the hashes of the leaves", found));
            return;
        }
    };
    for ((index, own), served) in (first..).zip(own.unwrap_or_default()).zip(&served) {
        if own != served {
            let place = format!("{place}, hash {index} of its level");
            wrong.push(Discrepancy::new(Subject::Tile, place, BASE64.encode(own), BASE64.encode(served)));
        }
    }
}
