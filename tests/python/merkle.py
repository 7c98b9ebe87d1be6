"""The log as pymerkle, which knows nothing of Huying, computes it from what is served under /log/.

Usage: merkle.py BASE_URL SEED

Fetches the checkpoint, every tile and every entry bundle of its tree, all that a stranger could have, and compares:

- the leaves of the bundles, hashed by pymerkle, with the tiles of level 0; their subtrees with the tiles above;
- roots, inclusion and consistency paths of a pymerkle tree that is made of the leaves, of a pymerkle tree that has no
  leaves and reads the tiles, and of the proofs that the log makes itself: for trees of every size where the log has at
  most 600 leaves, and else of those around the widths of a tile, and some drawn by SEED.

Prints how much was compared. Fails at the first difference.
"""

import base64
import hashlib
import http.client
import json
import random
import sys
import urllib.parse

from pymerkle import BaseMerkleTree, InmemoryTree, verify_consistency, verify_inclusion

WIDTH = 256
HASH = 32
EVERY_SIZE_TO = 600
EDGES = (1, 2, 3, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537)
DRAWN = 120


class Log:
    """What is served, over one connection."""

    def __init__(self, base_url: str) -> None:
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(base_url).netloc, timeout=30)

    def fetch(self, path: str, status: int = 200) -> bytes:
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == status, (path, response.status, body[:300])
        return body

    def tile(self, level: int | str, index: int, width: int) -> bytes:
        return self.fetch(tile_path(level, index, width))

    def json(self, path: str, **parameters: int) -> dict:
        answer = json.loads(self.fetch(f"{path}?{urllib.parse.urlencode(parameters)}"))
        for key in ("root", "old_root"):
            if key in answer:
                answer[key] = base64.b64decode(answer[key], validate=True)
        answer["path"] = [base64.b64decode(hash, validate=True) for hash in answer["path"]]
        return answer


def tile_path(level: int | str, index: int, width: int) -> str:
    """As C2SP tlog-tiles writes it: 1234067 is x001/x234/067."""
    groups = []
    while True:
        index, group = divmod(index, 1000)
        groups.insert(0, f"x{group:03}" if groups else f"{group:03}")
        if index == 0:
            break
    partial = "" if width == WIDTH else f".p/{width}"
    return f"/log/tile/{level}/{'/'.join(groups)}{partial}"


def tiles_of(size: int) -> list[tuple[int, int, int]]:
    """Level, index and width of every tile of a tree."""
    tiles = []
    level, nodes = 0, size
    while nodes > 0:
        full, rest = divmod(nodes, WIDTH)
        tiles += [(level, index, WIDTH) for index in range(full)]
        if rest:
            tiles.append((level, full, rest))
        level, nodes = level + 1, full
    return tiles


def leaves_of(bundle: bytes) -> list[bytes]:
    leaves = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        assert len(bundle) >= 2 + length, "a bundle ends within a leaf"
        leaves.append(bundle[2:2 + length])
        bundle = bundle[2 + length:]
    return leaves


class TileTree(BaseMerkleTree):
    """pymerkle's tree over the served tiles: it knows no leaf, and takes whole subtrees from the tiles above."""

    def __init__(self, tiles: dict[tuple[int, int], bytes], size: int) -> None:
        self.tiles = tiles
        self.size = size
        super().__init__("sha256", disable_cache=True)

    def node(self, level: int, index: int) -> bytes:
        tile, entry = divmod(index, WIDTH)
        hash = self.tiles[level, tile][entry * HASH:(entry + 1) * HASH]
        assert len(hash) == HASH, f"the tiles of level {level} have no node {index}"
        return hash

    def _encode_entry(self, data):
        raise NotImplementedError("the tiles are only read")

    def _store_leaf(self, data, digest):
        raise NotImplementedError("the tiles are only read")

    def _get_leaf(self, index):
        return self.node(0, index - 1)

    def _get_leaves(self, offset, width):
        return [self.node(0, index) for index in range(offset, offset + width)]

    def _get_size(self):
        return self.size

    def _get_subroot_uncached(self, offset, width):
        level = 0
        while width >= WIDTH:
            offset, width, level = offset // WIDTH, width // WIDTH, level + 1
        nodes = [self.node(level, index) for index in range(offset, offset + width)]
        while len(nodes) > 1:
            nodes = [self.hash_pair(left, right) for left, right in zip(nodes[::2], nodes[1::2])]
        return nodes[0]


def rfc_consistency_path(tree: BaseMerkleTree, old: int, new: int) -> list[bytes]:
    """RFC 6962 section 2.1.2. pymerkle's own proof is of another form: it carries the root of the older tree, too."""

    def subproof(start: int, end: int, is_whole: bool) -> list[bytes]:
        if old == end:
            return [] if is_whole else [tree._get_root(start, end)]
        half = 1 << (end - start - 1).bit_length() - 1
        if old <= start + half:
            return subproof(start, start + half, is_whole) + [tree._get_root(start + half, end)]
        return subproof(start + half, end, False) + [tree._get_root(start, start + half)]

    return subproof(0, new, True)


def fetched(log: Log) -> tuple[int, bytes, InmemoryTree, TileTree]:
    """The size and the root of the checkpoint, and the log as leaves and as tiles."""
    _origin, size, root, *_ = log.fetch("/log/checkpoint").decode().split("\n")
    size = int(size)
    tiles = {(level, index): log.tile(level, index, width) for level, index, width in tiles_of(size)}
    for level, index, width in tiles_of(size):
        assert len(tiles[level, index]) == width * HASH
    leaves = []
    for level, index, width in tiles_of(size):
        if level == 0:
            bundle = leaves_of(log.tile("entries", index, width))
            assert len(bundle) == width
            leaves += bundle
    by_leaves = InmemoryTree("sha256")
    by_leaves.append_entries(leaves)
    by_tiles = TileTree(tiles, size)
    for (level, index), tile in tiles.items():
        span = WIDTH**level
        for entry in range(len(tile) // HASH):
            start = (index * WIDTH + entry) * span
            assert by_leaves._get_root(start, start + span) == by_tiles.node(level, index * WIDTH + entry)
    return size, base64.b64decode(root), by_leaves, by_tiles


def compare_partial_tiles(log: Log, size: int, by_tiles: TileTree, chance: random.Random) -> None:
    """A partial tile is the beginning of the tile, and there is none beyond the tree."""
    for level, index, width in chance.sample(tiles_of(size), min(20, len(tiles_of(size)))):
        for narrow in {1, chance.randint(1, width), width}:
            assert log.tile(level, index, narrow) == by_tiles.tiles[level, index][:narrow * HASH]
        if width < WIDTH:
            log.fetch(tile_path(level, index, width + 1), 404)
            log.fetch(tile_path(level, index, WIDTH), 404)
            log.fetch(tile_path(level, index + 1, 1), 404)
    if size % WIDTH:
        log.fetch(tile_path("entries", size // WIDTH, size % WIDTH + 1), 404)


def compare_size(log: Log, size: int, later: int, trees: list[BaseMerkleTree], chance: random.Random) -> None:
    """A tree of `size` leaves, a leaf in it, and a later tree of which it is the beginning."""
    index = chance.choice((0, size - 1, chance.randrange(size)))
    included = log.json("/log/proof/inclusion", leaf_index=index, tree_size=size)
    consistent = log.json("/log/proof/consistency", old_size=size, tree_size=later)
    leaf_hash = hashlib.sha256(b"\0" + included["leaf"].encode()).digest()
    for tree in trees:
        root, later_root = tree.get_root(size), tree.get_root(later)
        assert included["root"] == root == consistent["old_root"], size
        assert consistent["root"] == later_root, later
        proof = tree.prove_inclusion(index + 1, size)
        verify_inclusion(tree.get_leaf(index + 1), root, proof, index=index + 1, size=size)
        assert [leaf_hash, *included["path"]] == proof.path, (index, size)
        proof = tree.prove_consistency(size, later)
        verify_consistency(root, later_root, proof, prior_size=size, later_size=later)
        assert consistent["path"] == rfc_consistency_path(tree, size, later), (size, later)


def main(base_url: str, seed: str) -> None:
    log, chance = Log(base_url), random.Random(int(seed))
    size, root, by_leaves, by_tiles = fetched(log)
    assert by_leaves.get_root() == root == by_tiles.get_root()
    compare_partial_tiles(log, size, by_tiles, chance)
    sizes = {*range(1, size + 1)} if size <= EVERY_SIZE_TO else {size, *EDGES, *chance.sample(range(1, size), DRAWN)}
    sizes = {one for one in sizes if one <= size}
    for one in sorted(sizes):
        compare_size(log, one, chance.choice((size, chance.randint(one, size))), [by_leaves, by_tiles], chance)
    print(f"{size} leaves, {len(by_tiles.tiles)} tiles, {len(sizes)} sizes")


if __name__ == "__main__":
    main(*sys.argv[1:])
