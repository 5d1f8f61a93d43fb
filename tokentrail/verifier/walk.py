"""The walk over all entries: index, leaf hash, chain, tree, columns, offsets, bodies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Protocol

from tokentrail.verifier.archive import Hashes
from tokentrail.verifier.columns import check_columns
from tokentrail.verifier.leaf import Leaf
from tokentrail.verifier.merkle import Accumulator
from tokentrail.verifier.offsets import Offsets
from tokentrail.verifier.report import Report
from tokentrail.verifier.rows import Row
from tokentrail.verifier.tiles import LeafTiles

ZERO_CHAIN = bytes(32)
Progress = Callable[[int], None]


class EntryCheck(Protocol):
    """A further check of each entry whose leaf could be parsed, such as of its body."""

    def see(self, row: Row, leaf: Leaf, report: Report) -> None:
        """Look at one entry."""


class Walk:
    """Streams the log once. Keeps the computed roots at the sizes asked for (signed checkpoints)."""

    def __init__(self, report: Report, offsets: Offsets, checks: list[EntryCheck], sizes: set[int]) -> None:
        self._report = report
        self._offsets = offsets
        self._checks = checks
        self._sizes = sorted(sizes)
        self.tree = Accumulator()
        self.roots: dict[int, bytes] = {0: self.tree.root()}
        self.leaf_tiles = LeafTiles()
        self.chain = ZERO_CHAIN
        self.next_index = 0

    def resume(self, tree: Accumulator, chain: bytes) -> None:
        """Begin after what `tree` holds, whose root somebody signed; `chain` is the chain hash there."""
        self.tree, self.chain, self.next_index = tree, chain, tree.size
        self.roots[tree.size] = tree.root()

    def run(self, batches: Iterable[list[Row] | Hashes], progress: Progress) -> None:
        """Walk the log from where it begins or was resumed."""
        for batch in batches:
            if isinstance(batch, Hashes):
                self._pass_over(batch)
                progress(len(batch.leaf_hashes))
                continue
            hashes = []
            for row in batch:
                leaf_hash = hashlib.sha256(b"\x00" + row.leaf).digest()
                if row.index != self.next_index:
                    self._misplaced(row.index, self.next_index)
                self.next_index = row.index + 1
                self._link(row, leaf_hash)
                hashes.append(leaf_hash)
                leaf = check_columns(row, self._report)
                if leaf is not None:
                    self._further(row, leaf)
            self.leaf_tiles.add([(row.index, row.leaf_hash) for row in batch])
            self._grow(hashes)
            progress(len(batch))
        self._offsets.finish(self._report)

    def _pass_over(self, batch: Hashes) -> None:
        """Entries of which only the hashes are left: chain and tree go on over them."""
        if batch.first != self.next_index:
            self._misplaced(batch.first, self.next_index)
        self._offsets.pass_over()
        for leaf_hash in batch.leaf_hashes:
            self.chain = hashlib.sha256(b"\x02" + self.chain + leaf_hash).digest()
        self.leaf_tiles.add(list(enumerate(batch.leaf_hashes, batch.first)))
        self._grow(batch.leaf_hashes)
        self.next_index = batch.first + len(batch.leaf_hashes)

    def _misplaced(self, index: int, expected: int) -> None:
        if index < expected:
            self._report.add("index_repeated", index, f"index {index} is there more than once")
        else:
            gone = f"{expected}" if index == expected + 1 else f"{expected} to {index - 1}"
            self._report.add("entry_missing", expected, f"no entry at index {gone}")

    def _link(self, row: Row, leaf_hash: bytes) -> None:
        """Each link is judged by itself, so that one edit is one problem and not a trail of them."""
        if leaf_hash != row.leaf_hash:
            self._report.add("leaf_hash", row.index, "the leaf does not hash to its leaf_hash")
        if hashlib.sha256(b"\x02" + self.chain + row.leaf_hash).digest() != row.chain_hash:
            self._report.add("chain_hash", row.index, "chain_hash does not follow from the entry before")
        self.chain = row.chain_hash

    def _further(self, row: Row, leaf: Leaf) -> None:
        if leaf.topic is not None and leaf.partition is not None and leaf.offset is not None:
            self._offsets.see(row.index, leaf.topic, leaf.partition, leaf.offset, self._report)
        for check in self._checks:
            check.see(row, leaf, self._report)

    def _grow(self, hashes: list[bytes]) -> None:
        """Extend the tree, stopping at each size whose root somebody signed."""
        start = 0
        end = self.tree.size + len(hashes)
        while self._sizes and self._sizes[0] <= end:
            size = self._sizes.pop(0)
            take = size - self.tree.size
            if take < 0:
                continue
            self.tree.extend(hashes[start : start + take])
            start += take
            self.roots[size] = self.tree.root()
        self.tree.extend(hashes[start:])
