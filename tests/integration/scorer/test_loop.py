"""The live scorer on real servers: from an event to an alert, a signed command and its acknowledgement."""

from __future__ import annotations

import time
from typing import Any

import pytest

from consumers import scorer_queue
from tests.integration.scorer.conftest import ISSUER, PHONE, SCRIPT, Scorer, Stream, wait_for
from tokentrail import events as e
from tokentrail.errors import NotFound, Refused
from tokentrail.tokens.commands import verify_command
from tokentrail.tokens.keys import command_public_keys
from tokentrail.tokens.make_keys import public_pem

HOME = e.source(ip="192.0.2.10", user_agent=PHONE, device_id="phone-1", country="CH", city="Bern", asn=3303,
                lat=46.95, lon=7.45)  # fmt: skip
AWAY = e.source(ip="198.51.100.9", user_agent=SCRIPT, country="BR", city="Recife", asn=28573, lat=-8.05, lon=-34.9)
MICROS = 1_000_000


def refresh(gen: int, source: dict[str, Any]) -> dict[str, Any]:
    """The fields of a refresh in one family."""
    now = e.now_micros()
    return {
        "subject": "u-1", "client_id": "web", "session_id": "s-1", "jti": e.uuid7(), "source": source,
        "success": True, "failure_reason": None, "family": "fam-1", "gen": gen, "previous_jti": None,
        "scope": "records.read", "audience": "api", "kid": "k1", "issued_at": now, "expires_at": now + 300 * MICROS,
    }  # fmt: skip


def steal(stream: Stream) -> dict[str, Any]:
    """The subject rotates its refresh token; a thief presents the old one."""
    now = e.now_micros()
    stream.send(e.TOKEN_ISSUED, subject="u-1", client_id="web", session_id="s-1", jti=e.uuid7(), source=HOME,
                grant="password", scope="records.read", audience="api", kid="k1", issued_at=now,
                expires_at=now + 300 * MICROS, family="fam-1", gen=0)  # fmt: skip
    stream.send(e.TOKEN_REFRESHED, **refresh(0, HOME))
    stream.send(e.TOKEN_REFRESHED, **refresh(1, HOME))
    return stream.send(e.TOKEN_REFRESHED, **refresh(0, AWAY))


def test_reuse_is_commanded_signed_and_acknowledged(stream: Stream, scorer: Scorer) -> None:
    theft = steal(stream)
    stream.flush()
    (_, command), *_ = stream.topic(e.REVOCATIONS)
    assert (command["target"], command["value"], command["audience"]) == ("family", "fam-1", ISSUER)
    secret = stream.settings.require("command_key")
    said = verify_command(command, audience=ISSUER, keys=command_public_keys(public_pem(secret)))
    assert said["trigger_event_id"] == theft["event_id"]
    (_, alert), *_ = stream.topic(e.ALERTS)
    assert "refresh_token_reuse" in alert["detections"]
    assert alert["command_id"] == command["event_id"]
    assert "two parties" in " ".join(alert["reasons"])
    stream.send(e.TOKEN_REVOKED, subject="u-1", client_id="web", session_id="s-1", target="family", value="fam-1",
                reason="command", revoked_by="command", caused_by=command["event_id"])  # fmt: skip
    stream.flush()
    wait_for(lambda: stream.rows("select 1 from scorer.command where acknowledged_at is not null") != [])


def test_a_command_nobody_confirms_is_an_alert(stream: Stream, scorer: Scorer) -> None:
    steal(stream)
    stream.flush()
    alerts = [event for _, event in stream.topic(e.ALERTS, seconds=15, at_least=2)]
    overdue = [a for a in alerts if a["detections"] == ["command_not_acknowledged"]]
    assert len(overdue) == 1
    time.sleep(1.5)
    assert len(stream.rows("select 1 from scorer.alert where detections = '{command_not_acknowledged}'")) == 1


def test_a_restart_remembers_and_repeats_nothing(stream: Stream, scorer: Scorer) -> None:
    theft = steal(stream)
    stream.flush()
    wait_for(lambda: stream.rows("select 1 from scorer.command") != [])
    scorer.stop()
    before = stream.rows("select alert_id from scorer.alert where command_id is not null")
    # The record again, as a relay that never saw its acknowledgement would send it.
    stream.resend(e.TOKEN_REFRESHED, theft)
    scorer.start()
    stream.send(e.TOKEN_REFRESHED, **refresh(1, AWAY))
    stream.flush()
    wait_for(lambda: stream.rows("select sum(next_offset) from scorer.partition_position") == [(6,)])
    after = stream.rows("select alert_id from scorer.alert where detections <> '{command_not_acknowledged}'")
    assert set(before) <= set(after)
    assert len(stream.rows("select 1 from scorer.command")) == 1


def test_a_held_revocation_takes_two_persons(stream: Stream, shadowed: Scorer) -> None:
    steal(stream)
    stream.flush()
    wait_for(lambda: stream.rows("select 1 from scorer.alert where held is not null") != [])
    ((alert_id,), *_) = stream.rows("select alert_id::text from scorer.alert where held is not null")
    assert scorer_queue.release(stream.settings, alert_id, "ada")["sent"] is False
    assert scorer_queue.release(stream.settings, alert_id, "ada")["sent"] is False  # once more is not another
    assert stream.rows("select 1 from scorer.command") == []
    assert scorer_queue.release(stream.settings, alert_id, "bob")["sent"] is True
    (_, command), *_ = stream.topic(e.REVOCATIONS)
    assert (command["target"], command["value"], command["reason"]) == ("family", "fam-1", "released by ada and bob")
    with pytest.raises(Refused):
        scorer_queue.release(stream.settings, alert_id, "eve")


def test_the_queue_shows_reasons_and_takes_a_review(stream: Stream, scorer: Scorer) -> None:
    steal(stream)
    stream.flush()
    wait_for(lambda: stream.rows("select 1 from scorer.alert") != [])
    (row, *_) = scorer_queue.find(stream.settings, "open", 10)
    shown = scorer_queue.detail(stream.settings, row["alert_id"])
    assert shown["reasons"]
    assert shown["guide"][0]["technique"].startswith("T1")
    scorer_queue.review(stream.settings, row["alert_id"], "confirm", "ada", "called the person")
    assert scorer_queue.detail(stream.settings, row["alert_id"])["status"] == "confirmed"
    wait_for(lambda: any(t == e.ALERT_REVIEWED for t, _ in stream.topic(e.EVENTS, at_least=5)))
    with pytest.raises(NotFound):
        scorer_queue.detail(stream.settings, e.uuid7())
