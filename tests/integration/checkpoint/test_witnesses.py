"""The checkpointer with witnesses that are there, away, late, ahead, or not to be trusted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.checkpointer.witnesses import ASKED, parse_witnesses
from tests.integration.checkpoint.conftest import Grow, Start, await_size, stored
from tests.integration.checkpoint.test_checkpointer import cut_and_regrow
from tokentrail.config import Settings
from tokentrail.errors import ConfigError
from tokentrail.http_server import listen, serve, url_of
from tokentrail.ledger.notes import COSIGNATURE_V1, NoteKey, load_note_key
from tokentrail.verifier.notes import VKey, open_checkpoint
from tokentrail.witness import State, Witness, build

KEYS = [NoteKey(f"w{i}.example", Ed25519PrivateKey.generate(), COSIGNATURE_V1) for i in range(2)]
Serve = Callable[..., str]


@pytest.fixture
def log_key(log: Settings) -> VKey:
    return VKey.parse(load_note_key(log.require("checkpoint_key"), log.ledger_origin, "K").vkey)


@pytest.fixture
def run_witness(log_key: VKey, tmp_path: Path) -> Iterator[Serve]:
    """Serve a witness over HTTP; returns what goes into TOKENTRAIL_WITNESSES."""
    running: list[tuple[threading.Thread, threading.Event, State]] = []

    def begin(key: NoteKey, port: int = 0) -> str:
        state = State(tmp_path / f"{key.name}.sqlite")
        listener, stop = listen("127.0.0.1", port), threading.Event()
        app = build(Witness(key, [log_key], state))
        thread = threading.Thread(target=serve, args=(app, listener, stop), daemon=True)
        thread.start()
        running.append((thread, stop, state))
        return f"{key.vkey}+{url_of(listener)}"

    yield begin
    for thread, stop, state in running:
        stop.set()
        thread.join(10)
        state.close()


def asked(name: str, outcome: str) -> float:
    return ASKED.labels(name, outcome)._value.get()


def test_heads_carry_the_cosignatures_of_all(
    log: Settings, grow: Grow, start: Start, run_witness: Serve, log_key: VKey
) -> None:
    start(witnesses=" ".join(run_witness(key) for key in KEYS))
    keys = [VKey.parse(key.vkey) for key in KEYS]
    for size in (10, 300, 301):
        grow(size - (stored(log)[0].tree_size if stored(log) else 0))
        row = await_size(log, size, cosignatures=2)
        assert len(open_checkpoint(row.note, log_key, witnesses=keys, quorum=2).witnesses) == 2


def test_a_witness_that_is_away_holds_nothing_up_and_cosigns_when_it_is_back(
    log: Settings, grow: Grow, start: Start, run_witness: Serve, log_key: VKey
) -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    start(witnesses=f"{run_witness(KEYS[0])} {KEYS[1].vkey}+http://127.0.0.1:{port}")
    grow(10)
    await_size(log, 10, seconds=2, cosignatures=1)
    run_witness(KEYS[1], port)
    late = await_size(log, 10, cosignatures=2)
    assert open_checkpoint(late.note, log_key, witnesses=[VKey.parse(KEYS[1].vkey)], quorum=1).size == 10
    assert [row.cosignatures for row in stored(log)] == [2, 1]


def test_a_checkpointer_that_forgot_learns_the_witness_s_size(
    log: Settings, grow: Grow, start: Start, run_witness: Serve, stop_all: Callable[[], None], tmp_path: Path
) -> None:
    witnesses = run_witness(KEYS[0])
    start(witnesses=witnesses)
    grow(10)
    await_size(log, 10, cosignatures=1)
    stop_all()
    start(witnesses=witnesses, checkpoint_state=tmp_path / "new.sqlite")
    grow(300)
    await_size(log, 310, cosignatures=1)


def test_a_log_rewritten_with_its_key_stolen_gets_no_cosignature(
    log: Settings,
    grow: Grow,
    start: Start,
    run_witness: Serve,
    superuser: psycopg.Connection,
    stop_all: Callable[[], None],
    tmp_path: Path,
) -> None:
    """Key, memory and checkpoints all in the attacker's hands: the witness alone stands in the way."""
    witnesses = run_witness(KEYS[0])
    start(witnesses=witnesses)
    grow(300)
    await_size(log, 300, cosignatures=1)
    stop_all()
    superuser.execute("delete from ledger.checkpoint")
    before = asked("w0.example", "inconsistent")
    cut_and_regrow(superuser, grow)
    start(witnesses=witnesses, checkpoint_state=tmp_path / "new.sqlite")
    await_size(log, 320)
    deadline = time.monotonic() + 5
    while asked("w0.example", "inconsistent") == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert all(row.cosignatures == 0 for row in stored(log))


def test_over_http(run_witness: Serve) -> None:
    url = run_witness(KEYS[0]).partition("+http")[2]
    with httpx.Client(base_url=f"http{url}") as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get(f"/{'0' * 64}/checkpoint").status_code == 404
        assert client.get("/add-checkpoint").status_code == 405
        assert client.post("/add-checkpoint", content=b"x").status_code == 400
        assert client.post("/add-checkpoint", content=b"x" * 70_000).status_code == 413
        assert 'tokentrail_witness_answers_total{status="400"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("w.example", "name\\+id\\+key\\+URL"),
        (KEYS[0].vkey, "name\\+id\\+key\\+URL"),
        (f"{KEYS[0].vkey[:-4]}AAAA+http://w", "not that of its key"),
        (f"{KEYS[0].vkey}+http://w {KEYS[0].vkey}+http://w2", "twice"),
        (f"{NoteKey('w', Ed25519PrivateKey.generate()).vkey}+http://w", "not for cosignatures"),
    ],
)
def test_wrong_witnesses_are_named(setting: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"TOKENTRAIL_WITNESSES.*{reason}"):
        parse_witnesses(setting)
