"""A range of leaves against a root: subtrees to its left, the leaves, subtrees to its right (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Sequence

from tokentrail.verifier.merkle import Accumulator


class RangeProof:
    """Feed the leaf hashes of first..end-1 in order, then ask whether they give the root of the tree.

    Raises ValueError where the proof has not exactly the hashes that such a range needs.
    """

    def __init__(self, first: int, end: int, size: int, left: Sequence[bytes], right: Sequence[bytes]) -> None:
        if not 0 <= first < end <= size:
            raise ValueError(f"no range {first} to {end} in a tree of {size}")
        if any(len(one) != 32 for one in (*left, *right)):
            raise ValueError("a hash of the range proof has not 32 bytes")
        widths = [1 << bit for bit in reversed(range(first.bit_length())) if first >> bit & 1]
        if len(left) != len(widths) or len(right) != len(_right_widths(end, size)):
            raise ValueError("the range proof has too few or too many hashes")
        self._end, self._size, self._right = end, size, right
        self._tree = Accumulator()
        for root, width in zip(left, widths, strict=True):
            self._tree.extend_subtrees([root], width)

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """The next leaf hashes of the range."""
        self._tree.extend(leaf_hashes)

    def gives(self, root: bytes) -> bool:
        """Whether what was fed is the whole range and has this root."""
        if self._tree.size != self._end:
            return False
        for one, width in zip(self._right, _right_widths(self._end, self._size), strict=True):
            self._tree.extend_subtrees([one], width)
        return self._tree.root() == root


def _right_widths(end: int, size: int) -> list[int]:
    """The largest perfect subtrees that may stand from `end` on, up to `size`."""
    widths: list[int] = []
    while end < size:
        widths.append(min(end & -end, 1 << ((size - end).bit_length() - 1)))
        end += widths[-1]
    return widths
