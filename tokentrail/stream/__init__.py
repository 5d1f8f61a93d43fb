"""Kafka to Postgres exactly once: claim a partition, fence the others out, move its position with the rows."""

from tokentrail.stream.consumer import FencedConsumer
from tokentrail.stream.position import Claim, Fenced
from tokentrail.stream.record import Record
from tokentrail.stream.sink import Sink

__all__ = ["Claim", "Fenced", "FencedConsumer", "Record", "Sink"]
