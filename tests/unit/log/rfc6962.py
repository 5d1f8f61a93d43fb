"""The definitions of RFC 6962 section 2.1 and RFC 9162 sections 2.1.3.1 and 2.1.4.1, word for word, over all leaves."""

from __future__ import annotations

import hashlib
from functools import cache


def leaves(count: int) -> tuple[bytes, ...]:
    """Leaf hashes of `count` different leaves."""
    return tuple(hashlib.sha256(b"\x00leaf %d" % i).digest() for i in range(count))


@cache
def mth(d: tuple[bytes, ...]) -> bytes:
    """MTH(D[n])."""
    if not d:
        return hashlib.sha256(b"").digest()
    if len(d) == 1:
        return d[0]
    k = split(len(d))
    return hashlib.sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: tuple[bytes, ...]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(d) == 1:
        return []
    k = split(len(d))
    return [*path(m, d[:k]), mth(d[k:])] if m < k else [*path(m - k, d[k:]), mth(d[:k])]


def proof(m: int, d: tuple[bytes, ...]) -> list[bytes]:
    """PROOF(m, D[n])."""
    return _subproof(m, d, whole=True)


def _subproof(m: int, d: tuple[bytes, ...], *, whole: bool) -> list[bytes]:
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*_subproof(m, d[:k], whole=whole), mth(d[k:])]
    return [*_subproof(m - k, d[k:], whole=False), mth(d[:k])]


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k
