"""What a stream does with its records; the consumer around it owns delivery and positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from tokentrail.stream.position import Claim
from tokentrail.stream.record import Record


class Sink:
    """Override what you need. A sink owns its memory; after `lost` it must forget what it holds.

    Order of calls for a batch: prepare (no database), write (in the batch's transaction, after the fence
    held), then committed. Any error leads to lost for everything, and to new claims.
    """

    def claimed(self, conn: Connection, claim: Claim) -> int:  # noqa: ARG002 - for those that load state
        """Load the partition's state within the claim's transaction; returns the offset to read from.

        An offset before claim.next_offset makes the records in between come to `replay`.
        """
        return claim.next_offset

    def lost(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Forget all state of these partitions; nothing may be written any more."""

    def replay(self, messages: list[Record]) -> None:
        """Rebuild memory from records whose effects are committed already. Must stay silent."""

    def prepare(self, messages: list[Record]) -> Any:
        """Do the work that needs no database, outside any lock."""
        return messages

    def prepare_poison(self, message: Record) -> Any:
        """Prepare a record whose handling ended the process several times: set it aside unread."""
        return self.prepare([message])

    def write(self, conn: Connection, prepared: Any) -> None:
        """Write the batch; the positions move in the same transaction."""

    def committed(self, prepared: Any) -> None:
        """The batch is durable."""

    def skipped(self, conn: Connection, topic: str, partition: int, first: int, last: int) -> None:
        """Offsets that hold no record (transaction markers, compaction), within the batch's transaction."""

    def halted(self, conn: Connection, claim: Claim, reason: str) -> None:
        """The partition cannot go on (retention gap, topic made anew): record it, in its own transaction."""

    def idle(self) -> None:
        """Nothing to read at the moment."""
