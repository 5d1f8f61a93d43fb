"""Proofs from stored tiles, for trees around every edge of a tile, checked by the verifier's own code."""

from __future__ import annotations

import psycopg
import pytest

from tests.integration.checkpoint.conftest import Grow
from tokentrail.config import Settings
from tokentrail.db import connect, conninfo
from tokentrail.errors import Refused
from tokentrail.ledger.own_entry import find_log
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.verifier.merkle import Accumulator, check_consistency, check_inclusion

SIZE = 66_100  # a full tile at level 1, partial ones at levels 0, 1 and 2
EDGES = [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, SIZE - 1, SIZE]


class Counting(psycopg.Connection):
    """Counts the statements that a proof costs."""

    count = 0

    def execute(self, *args: object, **kwargs: object) -> psycopg.Cursor:
        Counting.count += 1
        return super().execute(*args, **kwargs)  # type: ignore[arg-type]


def test_every_edge(log: Settings, grow: Grow) -> None:
    grow(SIZE)
    with connect(log, "reader", autocommit=True) as conn:
        leaves = [row[0] for row in conn.execute("select leaf_hash from ledger.entry order by index")]
        roots = {}
        for size in EDGES:
            tree = Accumulator()
            tree.extend(leaves[:size])
            roots[size] = tree.root()
    with Counting.connect(conninfo(log, "reader"), autocommit=True) as counted:
        stored = StoredTree(counted, find_log(counted, log.ledger_origin))
        for new in EDGES:
            assert stored.root(new) == roots[new]
            indexes = {0, new - 1, new // 2, *(edge for edge in EDGES if edge < new), new * 2 // 3}
            for index in indexes:
                Counting.count = 0
                assert check_inclusion(leaves[index], index, new, stored.inclusion(index, new), roots[new])
                assert Counting.count <= 4, "one read of full tiles, and one for each level's edge"
            for old in (edge for edge in EDGES if edge <= new):
                assert check_consistency(old, new, stored.consistency(old, new), roots[old], roots[new])


def test_small_trees_all_of_them(log: Settings, grow: Grow) -> None:
    tree, roots = Accumulator(), [Accumulator().root()]
    for size in range(1, 21):
        grow(1)
        with connect(log, "reader", autocommit=True) as conn:
            stored = StoredTree(conn, find_log(conn, log.ledger_origin))
            leaves = [row[0] for row in conn.execute("select leaf_hash from ledger.entry order by index")]
            tree.extend(leaves[-1:])
            roots.append(tree.root())
            assert stored.root(size) == roots[size]
            for index in range(size):
                assert check_inclusion(leaves[index], index, size, stored.inclusion(index, size), roots[size])
            for old in range(size + 1):
                assert check_consistency(old, size, stored.consistency(old, size), roots[old], roots[size])


def test_a_tile_that_is_gone_is_said(log: Settings, grow: Grow, superuser: psycopg.Connection) -> None:
    grow(600)
    superuser.execute("delete from ledger.tile where level = 0 and n = 1")
    superuser.execute("delete from ledger.entry where index = 300")
    with connect(log, "reader", autocommit=True) as conn:
        stored = StoredTree(conn, find_log(conn, log.ledger_origin))
        with pytest.raises(Refused, match=r"tile 0/1 .* run `tokentrail verify`"):
            stored.inclusion(300, 600)
