"""Tile paths: the specification's examples, and that each path has one form."""

from __future__ import annotations

import pytest

from tokentrail.ledger.tile_paths import TileRef, index_path, parse_path, tiles_of


@pytest.mark.parametrize(
    ("n", "path"),
    [(0, "000"), (999, "999"), (1000, "x001/000"), (1_234_067, "x001/x234/067"), (10**9, "x001/x000/x000/000")],
)
def test_index_paths(n: int, path: str) -> None:
    assert index_path(n) == path


@pytest.mark.parametrize(
    "ref",
    [TileRef(0, 0, 256), TileRef(0, 273, 112), TileRef(1, 1_234_067, 256), TileRef(-1, 5, 1), TileRef(63, 0, 255)],
)
def test_a_path_names_its_tile(ref: TileRef) -> None:
    assert parse_path(ref.path) == ref


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/x000/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/001/000",
        "tile/0/../000",
        "tile/entries/x001",
        "tile/0/000\n",
        "tile/0/\u0661\u0661\u0661",
    ],
)
def test_other_paths_name_nothing(path: str) -> None:
    assert parse_path(path) is None


def test_the_specifications_example_of_70000_entries() -> None:
    refs = [ref for ref in tiles_of(70_000) if ref.level >= 0]
    full = {level: sum(ref.level == level and ref.width == 256 for ref in refs) for level in range(3)}
    partial = {ref.level: ref.width for ref in refs if ref.width < 256}
    assert full == {0: 273, 1: 1, 2: 0}
    assert partial == {0: 112, 1: 17, 2: 1}


def test_a_tree_of_256_is_a_full_tile_and_a_partial_one_above() -> None:
    assert [ref.path for ref in tiles_of(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert list(tiles_of(0)) == []


@pytest.mark.parametrize("after", [0, 1, 255, 256, 257, 65_536, 69_999])
def test_what_is_new_and_what_was_there_make_the_whole(after: int) -> None:
    before = {ref for ref in tiles_of(after) if ref.width == 256}
    assert before | set(tiles_of(70_000, after)) == set(tiles_of(70_000))
    assert not before & set(tiles_of(70_000, after))


def test_a_tile_says_how_large_a_tree_must_be() -> None:
    assert TileRef(0, 1, 10).tree_size == 266
    assert TileRef(1, 0, 3).tree_size == 768
    assert TileRef(-1, 0, 256).tree_size == 256
