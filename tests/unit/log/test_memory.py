"""The checkpointer's memory: compare and swap in a file, and never back."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.checkpointer.memory import Memory, SignedHead
from tokentrail.errors import ConfigError

LOG = "log.example"


def head(size: int, root: int = 1) -> SignedHead:
    return SignedHead(size, bytes([root]) * 32, f"note {size}", "vkey")


def test_the_swap_is_taken_by_one(tmp_path: Path) -> None:
    one, two = Memory(tmp_path / "m"), Memory(tmp_path / "m")
    assert one.swap(LOG, None, head(1))
    assert not two.swap(LOG, None, head(1, 2))
    assert two.head(LOG) == head(1)
    assert two.swap(LOG, head(1), head(2))
    assert not one.swap(LOG, head(1), head(3))
    assert one.head(LOG) == head(2)
    one.close()
    two.close()


def test_a_root_that_is_not_the_one_remembered_is_not_swapped(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m")
    assert memory.swap(LOG, None, head(5))
    assert not memory.swap(LOG, head(5, 2), head(6))
    memory.close()


@pytest.mark.parametrize("new", [head(4), head(5, 2)])
def test_it_never_goes_back(tmp_path: Path, new: SignedHead) -> None:
    memory = Memory(tmp_path / "m")
    memory.swap(LOG, None, head(5))
    with pytest.raises(ValueError, match="may not go"):
        memory.swap(LOG, head(5), new)
    memory.close()


def test_logs_are_apart_and_outlive_the_process(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "deep" / "m")
    memory.swap(LOG, None, head(5))
    memory.note_witnessed(LOG, "w", 4)
    memory.note_witnessed(LOG, "w", 5)
    memory.close()
    again = Memory(tmp_path / "deep" / "m")
    assert again.head(LOG) == head(5)
    assert again.head("other.example") is None
    assert (again.witnessed(LOG, "w"), again.witnessed("other.example", "w")) == (5, 0)
    again.close()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot hold the checkpointer's memory"):
        Memory(tmp_path / "file" / "m")
