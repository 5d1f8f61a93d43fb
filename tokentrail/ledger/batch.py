"""Kafka records made into entries: read, sealed, and what is still to be said about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from tokentrail.codec import Codec
from tokentrail.events import ISSUER_STATEMENT, Event
from tokentrail.ledger import drafts
from tokentrail.ledger.copy_row import Entries
from tokentrail.ledger.leaf import Draft
from tokentrail.ledger.sealer import Sealer
from tokentrail.stream import Record


@dataclass(slots=True)
class Batch:
    """Records in order, with what was read of each at the same place.

    `refused` are to be set aside, with the reasons; `statements` are issuer statements, by place. `entries`
    are sealed under the keys of `epoch`.
    """

    messages: list[Record]
    event_ids: list[bytes | None]
    schema_ids: set[int]
    refused: list[tuple[Record, str]] = field(default_factory=list)
    statements: list[tuple[int, Event]] = field(default_factory=list)
    drafts: dict[int, Draft] = field(default_factory=dict)
    entries: Entries | None = None
    epoch: int = -1

    def body(self, i: int) -> bytes:
        """The bytes that came from Kafka."""
        return self.messages[i].value() or b""


class Maker(Protocol):
    """Makes batches of records. The pure one here is the reference; the native part's gives the same bytes."""

    def read(self, messages: list[Record]) -> Batch:
        """Decode and check; nothing is sealed yet."""

    def draft(self, batch: Batch, i: int) -> Draft:
        """The draft of one record."""

    def seal(self, batch: Batch, sealer: Sealer) -> Entries:
        """Seal what was read, under the keys of today."""


class PureMaker:
    """In Python throughout."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def read(self, messages: list[Record]) -> Batch:
        """As Maker says."""
        batch = Batch(messages, [], set())
        found = batch.drafts
        for i, message in enumerate(messages):
            draft = found[i] = read_into(batch, i, self._codec, message)
            batch.event_ids.append(draft.event_id)
        batch.schema_ids = {draft.schema_id for draft in found.values()} - {-1}
        return batch

    def draft(self, batch: Batch, i: int) -> Draft:
        """As Maker says."""
        return batch.drafts[i]

    def seal(self, batch: Batch, sealer: Sealer) -> Entries:
        """As Maker says."""
        return sealer.seal(list(batch.drafts.values()))


def read_into(batch: Batch, i: int, codec: Codec, message: Record) -> Draft:
    """The draft of a record; notes in the batch a refusal and an issuer's statement."""
    draft, reason = drafts.read(codec, message)
    if reason is not None:
        batch.refused.append((message, reason))
    if draft.type == ISSUER_STATEMENT:
        batch.statements.append((i, codec.decode(message.topic(), draft.body).event))
    return draft


def poison(message: Record) -> Batch:
    """A record that ended the process again and again is never decoded: its bytes are the entry."""
    batch = Batch([message], [None], set(), refused=[(message, "ended the process repeatedly")])
    batch.drafts[0] = drafts.unreadable(message)
    return batch
