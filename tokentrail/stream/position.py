"""Where each partition goes on, kept in Postgres beside what was written (not in Kafka).

A claim raises the partition's epoch, so whoever held it before can no longer move it: a process that
slept through its session time-out finds its epoch stale and loses (fencing).
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import Connection, sql

from tokentrail.errors import TokentrailError


class Fenced(TokentrailError):
    """Another process has claimed the partition; what this one holds of it is void."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition held under an epoch; `next_offset` is where it went on when claimed."""

    topic: str
    partition: int
    topic_id: str
    epoch: int
    next_offset: int
    stalls: int = 0
    halted: str | None = None


class Positions:
    """The partition_position table of one schema."""

    def __init__(self, schema: str, owner: str) -> None:
        self._table = sql.Identifier(schema, "partition_position")
        self._owner = owner

    def claim(self, conn: Connection, topic: str, partition: int, topic_id: str, *, survived: bool = False) -> Claim:
        """Take the partition over: epoch + 1. A partition never seen before starts at offset 0.

        `stalls` counts claims since the position last moved: a record that ends the process shows there.
        With `survived` this process met an error and lived, so no record has ended it: attempts begin anew.
        """
        row = conn.execute(
            sql.SQL(
                """insert into {t} as p (topic, partition, topic_id, owner, next_offset) values (%s, %s, %s, %s, 0)
                on conflict (topic, partition) do update
                    set epoch = p.epoch + 1, owner = excluded.owner, stalls = p.stalls + 1, updated_at = now(),
                        attempts = case when %s then 0 else p.attempts end
                returning topic_id, epoch, next_offset, stalls, halted"""
            ).format(t=self._table),
            (topic, partition, topic_id, self._owner, survived),
        ).fetchone()
        assert row is not None  # noqa: S101 - an upsert returns its row
        stored_id, epoch, next_offset, stalls, halted = row
        if stored_id != topic_id and halted is None:
            halted = f"topic {topic} was deleted and made anew (id {topic_id}, was {stored_id})"
        return Claim(topic, partition, topic_id, epoch, next_offset, stalls, halted)

    def hold(self, conn: Connection, claim: Claim, expected: int) -> None:
        """Lock the partition's row for this transaction. Raises Fenced if epoch or offset moved on."""
        row = conn.execute(
            sql.SQL(
                "select 1 from {t} where topic = %s and partition = %s and epoch = %s and next_offset = %s for update"
            ).format(t=self._table),
            (claim.topic, claim.partition, claim.epoch, expected),
        ).fetchone()
        if row is None:
            raise Fenced(f"{claim.topic}[{claim.partition}] at epoch {claim.epoch} was taken over")

    def move(self, conn: Connection, claim: Claim, next_offset: int) -> None:
        """Set the next offset, in the transaction that wrote the records before it."""
        moved = conn.execute(
            sql.SQL(
                """update {t} set next_offset = %s, stalls = 0, attempts = 0, updated_at = now()
                where topic = %s and partition = %s and epoch = %s"""
            ).format(t=self._table),
            (next_offset, claim.topic, claim.partition, claim.epoch),
        ).rowcount
        if moved != 1:
            raise Fenced(f"{claim.topic}[{claim.partition}] at epoch {claim.epoch} was taken over")

    def attempt(self, conn: Connection, claim: Claim, offset: int) -> int:
        """Count an attempt at one record before it is touched; returns which attempt this is."""
        row = conn.execute(
            sql.SQL(
                """update {t} set attempts = case when attempt_offset = %s then attempts + 1 else 1 end,
                    attempt_offset = %s
                where topic = %s and partition = %s and epoch = %s returning attempts"""
            ).format(t=self._table),
            (offset, offset, claim.topic, claim.partition, claim.epoch),
        ).fetchone()
        if row is None:
            raise Fenced(f"{claim.topic}[{claim.partition}] at epoch {claim.epoch} was taken over")
        return int(row[0])

    def halt(self, conn: Connection, claim: Claim, reason: str) -> bool:
        """Mark the partition as unable to go on; False if it was marked so before."""
        return (
            conn.execute(
                sql.SQL(
                    """update {t} set halted = %s, updated_at = now()
                    where topic = %s and partition = %s and epoch = %s and halted is null"""
                ).format(t=self._table),
                (reason, claim.topic, claim.partition, claim.epoch),
            ).rowcount
            == 1
        )
