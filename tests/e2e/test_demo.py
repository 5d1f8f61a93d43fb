"""The demonstration's own figures, from a short run on real parts."""

import pytest

from tests.e2e.conftest import SECONDS, Day

pytestmark = pytest.mark.timeout(300)
KEYS = [
    "seconds", "events_published", "entries", "verify_ok", "alerts", "commands", "acknowledged", "enforced_ms",
    "revoked_token_refused", "tamper_detected", "restored_ok",
]  # fmt: skip


def test_the_loop_holds(day: Day) -> None:
    assert day.code == 0, day.err[-3000:]
    figures = day.figures
    assert list(figures) == KEYS
    assert figures["seconds"] >= SECONDS
    assert figures["verify_ok"] is True
    assert figures["revoked_token_refused"] is True
    assert figures["tamper_detected"] is True
    assert figures["restored_ok"] is True


def test_every_event_is_in_the_ledger(day: Day) -> None:
    assert day.figures["events_published"] == day.figures["entries"] > 500


def test_attacks_are_found_and_revoked_in_time(day: Day) -> None:
    figures = day.figures
    assert figures["alerts"], day.err
    assert figures["commands"] == figures["acknowledged"] > 0
    # A second is the goal on a machine of its own; tests share theirs with whatever else runs.
    assert 0 < figures["enforced_ms"]["p50"] <= figures["enforced_ms"]["p99"] < 10_000


def test_it_speaks_to_people_on_the_other_stream(day: Day) -> None:
    assert "the loop held" in day.err
    assert len(day.out.splitlines()) == 1
