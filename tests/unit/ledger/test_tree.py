"""The growing tree against a plain recursive RFC 6962 tree, for every size and every way to get there."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokentrail.ledger.tree import EMPTY_ROOT, Edge
from tokentrail.verifier.merkle import Accumulator


def leaf(i: int) -> bytes:
    return hashlib.sha256(b"\0" + str(i).encode()).digest()


def reference_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + reference_root(hashes[:k]) + reference_root(hashes[k:])).digest()


LEAVES = [leaf(i) for i in range(1400)]
SIZES = [*range(0, 70), 255, 256, 257, 511, 512, 513, 768, 1023, 1024, 1025, 1400]


@pytest.mark.parametrize("size", SIZES)
def test_root_of_every_size(size: int) -> None:
    expected = reference_root(LEAVES[:size])
    edge, _ = Edge().extended(LEAVES[:size])
    accumulator = Accumulator()
    accumulator.extend(LEAVES[:size])
    assert edge.root() == expected
    assert accumulator.root() == expected
    assert accumulator.size == edge.size == size


def test_the_empty_tree() -> None:
    assert Edge().root() == Accumulator().root() == EMPTY_ROOT


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 600), max_size=6))
def test_batches_of_any_size_give_the_same_tree_and_tiles(batches: list[int]) -> None:
    total = min(sum(batches), 1400)
    edge, accumulator, tiles, at = Edge(), Accumulator(), [], 0
    for count in batches:
        part = LEAVES[at : min(at + count, total)]
        edge, made = edge.extended(part)
        accumulator.extend(part)
        tiles += made
        at += len(part)
    assert edge.root() == accumulator.root() == reference_root(LEAVES[:total])
    assert [(t.level, t.n) for t in tiles] == [(0, n) for n in range(total // 256)]
    for tile in tiles:
        inside = LEAVES[tile.n * 256 : (tile.n + 1) * 256]
        assert tile.hashes == b"".join(inside)
        assert tile.root == reference_root(inside)


def test_tiles_of_the_second_level() -> None:
    many = [hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(256 * 256 + 300)]
    edge, tiles = Edge(), []
    for part in _parts(many, 10_000):
        edge, made = edge.extended(part)
        tiles += made
    above = [tile for tile in tiles if tile.level == 1]
    assert [tile.n for tile in above] == [0]
    assert above[0].hashes == b"".join(tile.root for tile in tiles if tile.level == 0 and tile.n < 256)
    accumulator = Accumulator()
    accumulator.extend(many)
    assert edge.root() == accumulator.root()


def _parts(items: list[bytes], size: int) -> list[list[bytes]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def test_an_edge_is_a_value() -> None:
    edge, _ = Edge().extended(LEAVES[:300])
    before = edge.root()
    edge.extended(LEAVES[300:700])
    assert edge.root() == before
