"""The example issuer joins: its login is in the log, it obeys a command, it states what it sent."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from producers.commander import Commander
from tests.integration.issuer.conftest import ENVIRONMENT, Tail, keyed  # noqa: F401
from tokentrail import config
from tokentrail.config import Settings
from tokentrail.join import contract
from tokentrail.outbox.statement import root_of
from tokentrail.tokens import keys
from tokentrail.tokens.commands import Order
from tokentrail.tokens.statements import signed_claims
from tokentrail.tokens.trust import FixedKeys

EXAMPLE = Path(__file__).parents[3] / "examples" / "foreign_issuer.py"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, keyed: Settings) -> Iterator[ModuleType]:  # noqa: F811
    monkeypatch.syspath_prepend(str(EXAMPLE.parent))
    monkeypatch.setattr(config, "load_settings", lambda **_: keyed)
    import foreign_issuer  # noqa: PLC0415

    yield foreign_issuer
    del sys.modules["foreign_issuer"]


def test_the_example_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 60


def test_a_foreign_issuer_joins(keyed: Settings, example: Any) -> None:  # noqa: F811
    identity = f"https://foreign-{id(keyed)}.example"
    tail = Tail(keyed, "tokens.events", "tokens.denylist")
    stop = threading.Event()
    thread = threading.Thread(target=example.main, args=(identity, stop))
    thread.start()
    try:
        issued = tail.wait("TokenIssued", issuer=identity, seconds=20)[0]
        assert contract.event_problems("TokenIssued", issued) == []
        session = next(iter(example.sessions))
        commander = Commander(keyed, identity)
        sent = commander.send(Order("session", session, "test"), listen=True)
        assert commander.wait_for(sent, 20)
        commander.close()
        assert session not in example.sessions
        assert tail.wait("Denied", target="session", value=session)[0]["issuer"] == identity
    finally:
        stop.set()
        thread.join(20)
    revoked = tail.wait("TokenRevoked", caused_by=sent)[0]
    assert [issued["issuer_seq"], revoked["issuer_seq"]] == [0, 1]
    statement = tail.wait("IssuerStatement", issuer=identity)[0]
    assert (statement["first_seq"], statement["last_seq"], statement["count"]) == (0, 1, 2)
    signer = keys.signing_keys(ENVIRONMENT["TOKENTRAIL_SIGNING_KEY"])
    claims, _ = signed_claims(statement["signature"], FixedKeys(signer))
    assert claims["root_hash"] == statement["root_hash"].hex()
    assert statement["root_hash"] == root_of(tail.leaf_hashes(identity)[:2])
    tail.close()
