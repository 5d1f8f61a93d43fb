"""RFC 6962 roots from leaf hashes alone, and proof checks (RFC 9162 sections 2.1.3.2 and 2.1.4.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Accumulator:
    """A compact range from 0: the roots of the perfect subtrees that make up the tree so far."""

    def __init__(self) -> None:
        self.size = 0
        self._stack: list[bytes] = []

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """Append leaf hashes. Whole runs are folded level by level, which is cheaper than one at a time."""
        self.extend_subtrees(leaf_hashes, 1)

    def extend_subtrees(self, roots: Sequence[bytes], leaves: int) -> None:
        """Append roots of perfect subtrees of `leaves` leaves each, a power of two that divides the size."""
        start, end = 0, len(roots)
        while start < end:
            # The largest perfect subtree that may begin at this size and fits in what is left.
            at = self.size // leaves
            room = (at & -at) if at else 1 << 62
            width = min(room, 1 << ((end - start).bit_length() - 1))
            self._push(_perfect(roots[start : start + width]), width * leaves)
            start += width

    def _push(self, root: bytes, width: int) -> None:
        # The bits of the size name the subtrees on the stack: adding one carries like binary addition.
        added, carry = width, width
        while self.size & carry:
            root = _node(self._stack.pop(), root)
            carry <<= 1
        self._stack.append(root)
        self.size += added

    def root(self) -> bytes:
        """The root hash of the tree so far."""
        if not self._stack:
            return EMPTY_ROOT
        right = self._stack[-1]
        for left in reversed(self._stack[:-1]):
            right = _node(left, right)
        return right


def _perfect(hashes: Sequence[bytes]) -> bytes:
    """Root of a power of two of hashes."""
    sha256 = hashlib.sha256
    while len(hashes) > 1:
        hashes = [
            sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]


def check_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2. True only if the leaf is at `index` of the tree of `size` with this root."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf_hash
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = _node(p, r)
            if not fn & 1:
                while fn and not fn & 1:
                    fn >>= 1
                    sn >>= 1
        else:
            r = _node(r, p)
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def check_consistency(old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """RFC 9162 section 2.1.4.2. True only if the old tree is a prefix of the new one."""
    if not 0 <= old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _node(c, fr), _node(c, sr)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            sr = _node(sr, c)
        fn >>= 1
        sn >>= 1
    return sn == 0 and fr == old_root and sr == new_root
