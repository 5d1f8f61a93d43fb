"""Events leave through the database: written in the transaction that made them true, published after it."""

from tokentrail.outbox.put import put, put_sa
from tokentrail.outbox.relay import Relay

__all__ = ["Relay", "put", "put_sa"]
