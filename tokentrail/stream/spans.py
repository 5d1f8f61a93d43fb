"""Which offsets of which partitions a batch holds, and which it passes over."""

from __future__ import annotations

from tokentrail.stream.record import Record

Partition = tuple[str, int]


def key_of(message: Record) -> Partition:
    """The partition that a record came from."""
    return message.topic(), message.partition()


def spans_of(messages: list[Record]) -> dict[Partition, list[int]]:
    """Offsets by partition, in the order in which they came."""
    spans: dict[Partition, list[int]] = {}
    for message in messages:
        key = message.topic(), message.partition()
        offsets = spans.get(key)
        if offsets is None:
            offsets = spans[key] = []
        offsets.append(message.offset())
    return spans


def holes_in(start: int, offsets: list[int]) -> list[tuple[int, int]]:
    """Ranges of offsets between `start` and the last of `offsets` at which no record came."""
    if offsets[-1] - start + 1 == len(offsets):
        return []
    holes, expected = [], start
    for offset in offsets:
        if offset > expected:
            holes.append((expected, offset - 1))
        expected = offset + 1
    return holes
