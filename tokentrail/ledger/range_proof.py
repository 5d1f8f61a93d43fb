"""Prove a whole range of leaves at once: the subtrees to its left and to its right, up to a tree's root.

With the leaf hashes of the range in between, they give the root (docs/formats.md): left, largest first, are
the perfect subtrees of the tree of `start` leaves; right, the largest aligned ones from `end` to `size`.
"""

from __future__ import annotations

from tokentrail.ledger.proofs import Range, perfect_nodes
from tokentrail.ledger.stored_tree import StoredTree


def range_proof(tree: StoredTree, start: int, end: int, size: int) -> dict[str, list[bytes]]:
    """{"left": hashes, "right": hashes} for the leaves start..end-1 in the tree of `size`.

    Raises ValueError unless 0 <= start < end <= size.
    """
    if not 0 <= start < end <= size:
        raise ValueError(f"no range {start} to {end} in a tree of {size}")
    left, right = left_ranges(start), right_ranges(end, size)
    hashes = tree.subtrees([*left, *right])
    return {"left": hashes[: len(left)], "right": hashes[len(left) :]}


def left_ranges(start: int) -> list[Range]:
    """The perfect subtrees over 0..start-1, largest first."""
    return [(index << height, (index + 1) << height) for height, index in perfect_nodes(0, start)]


def right_ranges(end: int, size: int) -> list[Range]:
    """The largest perfect subtrees over end..size-1, left to right."""
    ranges: list[Range] = []
    while end < size:
        aligned = end & -end if end else size
        width = min(aligned, 1 << ((size - end).bit_length() - 1))
        ranges.append((end, end + width))
        end += width
    return ranges
