"""A command is obeyed only when signed by a known key, for this issuer, within five minutes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tokentrail.errors import ConfigError
from tokentrail.tokens import keys, make_keys
from tokentrail.tokens.commands import CommandRefusedError, Order, make_command, verify_command

ISSUER = "https://issuer.example"


@pytest.fixture(scope="module")
def key() -> keys.CommandKey:
    return keys.command_key(make_keys.ed25519_pem())


def make(key: keys.CommandKey, **over: Any) -> dict[str, Any]:
    return make_command(Order("session", "s-1", "test"), commander="scorer", audience=ISSUER, key=key, **over)


def outcome(event: dict[str, Any], key: keys.CommandKey, audience: str = ISSUER, now: float | None = None) -> str:
    with pytest.raises(CommandRefusedError) as caught:
        verify_command(event, audience=audience, keys={key.kid: keys.public_of(key)}, now=now)
    return caught.value.outcome


def test_a_good_command_says_what_it_said(key: keys.CommandKey) -> None:
    event = make(key)
    said = verify_command(event, audience=ISSUER, keys={key.kid: keys.public_of(key)})
    assert (said["target"], said["value"], said["event_id"]) == ("session", "s-1", event["event_id"])
    assert event["session_id"] == "s-1"


@pytest.mark.parametrize("field", ["value", "target", "audience", "event_id", "not_after", "reason", "alert_id"])
def test_a_changed_field_is_forged(key: keys.CommandKey, field: str) -> None:
    event = make(key)
    event[field] = 1 if isinstance(event[field], int) else "changed"
    assert outcome(event, key) == "forged"


@pytest.mark.parametrize("signed", ["", "junk", "a.b.c", "é", "A" * 9000])
def test_no_signature_is_refused(key: keys.CommandKey, signed: str) -> None:
    assert outcome(make(key) | {"signed": signed}, key) in {"forged", "malformed"}


def test_another_key_is_forged(key: keys.CommandKey) -> None:
    other = keys.command_key(make_keys.ed25519_pem())
    assert outcome(make(other), key) == "forged"
    assert outcome(make(keys.CommandKey(key.kid, other.key)), key) == "forged"


def test_another_issuer_another_time(key: keys.CommandKey) -> None:
    assert outcome(make(key), key, audience="https://other.example") == "foreign"
    assert outcome(make(key), key, now=time.time() + 301) == "expired"
    assert outcome(make(key), key, now=time.time() - 60) == "future"


def test_a_target_that_does_not_exist_is_not_signed(key: keys.CommandKey) -> None:
    with pytest.raises(ConfigError):
        make_command(Order("everything", "x", "test"), commander="scorer", audience=ISSUER, key=key)
