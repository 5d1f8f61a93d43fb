"""Which subtrees make up a proof, and their hashes from whatever can read nodes. Pure: no database here.

A range (start, end) stands for the subtree over the leaves start..end-1; in every range made here, start is a
multiple of a power of two that is not smaller than the range, so it falls into perfect subtrees left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tokentrail.ledger.tree import EMPTY_ROOT, node_hash

Range = tuple[int, int]
# A perfect subtree: height above the leaves, and its place among those of this height.
Node = tuple[int, int]
ReadNodes = Callable[[set[Node]], dict[Node, bytes]]


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges of PATH(index, D[size]) (RFC 9162 section 2.1.3.1), from the leaf's sibling up.

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no entry {index} in a tree of {size}")
    start, end = 0, size
    path: list[Range] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges of PROOF(old, D[new]) (RFC 9162 section 2.1.4.1). Empty for old = 0 and for old = new.

    Raises ValueError unless 0 <= old <= new.
    """
    if not 0 <= old <= new:
        raise ValueError(f"there is no proof from a tree of {old} to a tree of {new}")
    if old == 0:
        return []
    start, end = 0, new
    path: list[Range] = []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    if start:  # the old tree ends in a subtree that the verifier cannot make from the old root
        path.append((start, end))
    return path[::-1]


def hashes_of(ranges: Iterable[Range], read: ReadNodes) -> list[bytes]:
    """The hash over each range. All nodes are read in one call."""
    parts = [perfect_nodes(start, end) for start, end in ranges]
    found = read({node for nodes in parts for node in nodes})
    return [_join([found[node] for node in nodes]) for nodes in parts]


def perfect_nodes(start: int, end: int) -> list[Node]:
    """The perfect subtrees of a range, largest first, as (height, index)."""
    nodes: list[Node] = []
    while start < end:
        height = (end - start).bit_length() - 1
        nodes.append((height, start >> height))
        start += 1 << height
    return nodes


def _split(width: int) -> int:
    """The largest power of two smaller than `width` (RFC 9162 section 2.1.1)."""
    return 1 << ((width - 1).bit_length() - 1)


def _join(hashes: list[bytes]) -> bytes:
    """Perfect subtrees left to right, largest first, into one hash."""
    if not hashes:
        return EMPTY_ROOT
    right = hashes[-1]
    for left in reversed(hashes[:-1]):
        right = node_hash(left, right)
    return right
