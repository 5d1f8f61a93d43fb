"""The checkpointer: a process of its own that signs the log's heads, apart from who writes the log."""

from consumers.checkpointer.loop import run

__all__ = ["run"]
