"""Proofs against the definitions for every tree to size 100, and what the verifier says of each bent one."""

from __future__ import annotations

import pytest

from tests.unit.log import rfc6962
from tokentrail.ledger.proofs import Node, consistency_ranges, hashes_of, inclusion_ranges
from tokentrail.verifier.merkle import check_consistency, check_inclusion

LARGEST = 100
EVERY_BIT_TO = 20
LEAVES = rfc6962.leaves(LARGEST + 1)
ROOTS = [rfc6962.mth(LEAVES[:size]) for size in range(LARGEST + 1)]


def read(nodes: set[Node]) -> dict[Node, bytes]:
    return {(h, i): rfc6962.mth(LEAVES[i << h : (i + 1) << h]) for h, i in nodes}


def inclusion(index: int, size: int) -> list[bytes]:
    return hashes_of(inclusion_ranges(index, size), read)


def consistency(old: int, new: int) -> list[bytes]:
    return hashes_of(consistency_ranges(old, new), read)


def bent(proof: list[bytes], hash_: int, bit: int) -> list[bytes]:
    changed = bytearray(proof[hash_])
    changed[bit // 8] ^= 1 << bit % 8
    return [*proof[:hash_], bytes(changed), *proof[hash_ + 1 :]]


def bits(size: int, turn: int) -> range:
    """Every bit in small trees; one in the others, another one each time."""
    return range(256) if size <= EVERY_BIT_TO else range(turn % 256, turn % 256 + 1)


def test_inclusion_of_every_entry_in_every_tree() -> None:
    turn = 0
    for size in range(1, LARGEST + 1):
        for index in range(size):
            made = inclusion(index, size)
            assert made == rfc6962.path(index, LEAVES[:size])
            assert check_inclusion(LEAVES[index], index, size, made, ROOTS[size])
            for k in range(len(made)):
                for bit in bits(size, turn := turn + 1):
                    assert not check_inclusion(LEAVES[index], index, size, bent(made, k, bit), ROOTS[size])


def test_consistency_of_every_pair_of_trees() -> None:
    turn = 0
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            made = consistency(old, new)
            assert made == ([] if old == 0 else rfc6962.proof(old, LEAVES[:new]))
            assert check_consistency(old, new, made, ROOTS[old], ROOTS[new])
            for k in range(len(made)):
                for bit in bits(new, turn := turn + 1):
                    assert not check_consistency(old, new, bent(made, k, bit), ROOTS[old], ROOTS[new])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 63, 64, 65, 100])
def test_a_proof_proves_nothing_else(size: int) -> None:
    for index in range(size):
        made = inclusion(index, size)
        leaf, root = LEAVES[index], ROOTS[size]
        assert not check_inclusion(LEAVES[size], index, size, made, root)
        assert not check_inclusion(leaf, index, size, [*made, root], root)
        assert not check_inclusion(leaf, size, size, made, root)
        assert not check_inclusion(leaf, -1, size, made, root)
        if made:
            assert not check_inclusion(leaf, index, size, made[:-1], root)
            assert not check_inclusion(leaf, index, size, made[1:], root)
            assert not check_inclusion(leaf, index ^ 1, size, made, root)
        if len(made) > 1:
            assert not check_inclusion(leaf, index, size, made[::-1], root)


@pytest.mark.parametrize("size", [2, 3, 8, 9, 64, 100])
def test_a_consistency_proof_proves_nothing_else(size: int) -> None:
    for old in range(1, size):
        made = consistency(old, size)
        assert not check_consistency(old, size, made[:-1], ROOTS[old], ROOTS[size])
        assert not check_consistency(old, size, [*made, ROOTS[1]], ROOTS[old], ROOTS[size])
        assert not check_consistency(old, size, made, ROOTS[size], ROOTS[size])
        assert not check_consistency(old, size, made, ROOTS[old], ROOTS[old])
        assert not check_consistency(size, old, made, ROOTS[size], ROOTS[old])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_there_is_no_proof_of_an_entry_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no entry"):
        inclusion_ranges(index, size)


@pytest.mark.parametrize(("old", "new"), [(6, 5), (-1, 5)])
def test_there_is_no_proof_backwards(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no proof"):
        consistency_ranges(old, new)


@pytest.mark.parametrize("size", [10**6, 2**40 + 12345])
def test_a_proof_needs_logarithmically_many_nodes(size: int) -> None:
    asked: list[set[Node]] = []

    def count(nodes: set[Node]) -> dict[Node, bytes]:
        asked.append(nodes)
        return dict.fromkeys(nodes, bytes(32))

    hashes_of(inclusion_ranges(size // 3, size), count)
    hashes_of(consistency_ranges(size // 3, size), count)
    assert len(asked) == 2
    assert all(len(nodes) <= 2 * size.bit_length() for nodes in asked)
