"""The witness, rule by rule of c2sp.org/tlog-witness."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.log import rfc6962
from tokentrail.ledger.notes import COSIGNATURE_V1, NoteKey, checkpoint_text
from tokentrail.verifier.notes import Checkpoint, VKey, open_checkpoint, parse_signature
from tokentrail.witness import Answer, State, Witness

ORIGIN = "log.example"
LOG = NoteKey(ORIGIN, Ed25519PrivateKey.generate())
STRANGER = NoteKey(ORIGIN, Ed25519PrivateKey.generate())
OTHER = NoteKey("other.example", Ed25519PrivateKey.generate())
KEY = NoteKey("w.example", Ed25519PrivateKey.generate(), COSIGNATURE_V1)
LEAVES = rfc6962.leaves(40)
EMPTY = hashlib.sha256(b"").digest()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    state = State(tmp_path / "state.sqlite")
    yield Witness(KEY, [VKey.parse(LOG.vkey)], state)
    state.close()


def note(size: int, key: NoteKey = LOG, root: bytes | None = None) -> str:
    return key.sign(checkpoint_text(key.name, size, root or rfc6962.mth(LEAVES[:size])))


def proof(old: int, new: int) -> list[bytes]:
    return rfc6962.proof(old, LEAVES[:new]) if old else []


def request(old: int | str, hashes: list[bytes], note_: str) -> bytes:
    lines = [f"old {old}", *(base64.b64encode(h).decode() for h in hashes)]
    return ("\n".join(lines) + "\n\n" + note_).encode()


def ask(witness: Witness, old: int, new: int) -> Answer:
    return witness.add_checkpoint(request(old, proof(old, new), note(new)))


def opened(cosigned: str) -> Checkpoint:
    return open_checkpoint(cosigned, VKey.parse(LOG.vkey), witnesses=[VKey.parse(KEY.vkey)], quorum=1)


def test_a_log_that_grows_is_cosigned(witness: Witness) -> None:
    for old, new in [(0, 3), (3, 3), (3, 17), (17, 40)]:
        answer = ask(witness, old, new)
        assert answer.status == 200
        found = open_checkpoint(
            note(new) + answer.body, VKey.parse(LOG.vkey), witnesses=[VKey.parse(KEY.vkey)], quorum=1
        )
        assert found.size == new
    kept = witness.checkpoint(hashlib.sha256(ORIGIN.encode()).hexdigest())
    assert kept.status == 200
    assert opened(kept.body).size == 40


def test_the_empty_tree_may_be_cosigned(witness: Witness) -> None:
    assert witness.add_checkpoint(request(0, [], note(0, root=EMPTY))).status == 200
    assert ask(witness, 0, 5).status == 200


AFTER_10 = {
    "another old size": (request(5, proof(5, 20), note(20)), 409),
    "no old size known": (request(0, [], note(20)), 409),
    "an old size to come": (request(15, proof(15, 20), note(20)), 409),
    "no proof": (request(10, [], note(20)), 422),
    "a proof with a hash less": (request(10, proof(10, 20)[:-1], note(20)), 422),
    "a proof with a hash more": (request(10, [*proof(10, 20), EMPTY], note(20)), 422),
    "another tree": (request(10, proof(10, 20), note(20, root=EMPTY)), 422),
    "two roots for one size": (request(10, [], note(10, root=bytes(32))), 422),
    "a proof where none is needed": (request(10, [EMPTY], note(10)), 422),
    "a smaller tree": (request(10, [], note(9)), 400),
    "a key that is not the log's": (request(10, proof(10, 20), note(20, STRANGER)), 403),
    "a signature that does not verify": (request(10, proof(10, 20), note(20).replace("\n20\n", "\n21\n")), 403),
    "a log that is not known": (request(10, proof(10, 20), note(20, OTHER)), 404),
    "no old line": (b"\n\n" + note(20).encode(), 400),
    "old without number": (request("x", proof(10, 20), note(20)), 400),
    "an old size with leading zeros": (request("010", proof(10, 20), note(20)), 400),
    "a hash that is none": (b"old 10\nAAAA\n\n" + note(20).encode(), 400),
    "64 lines of proof": (request(10, [EMPTY] * 64, note(20)), 400),
    "no checkpoint": (b"old 10\n\n", 400),
    "nothing": (b"", 400),
    "no text": (b"old \xff\n\n" + note(20).encode(), 400),
}


@pytest.mark.parametrize("case", AFTER_10)
def test_what_is_refused_and_how(case: str, witness: Witness) -> None:
    assert ask(witness, 0, 10).status == 200
    body, status = AFTER_10[case]
    answer = witness.add_checkpoint(body)
    assert answer.status == status
    if status == 409:
        assert (answer.body, answer.content_type) == ("10\n", "text/x.tlog.size")
    assert ask(witness, 10, 20).status == 200, "a refusal changes nothing"


def test_a_first_proof_must_be_empty(witness: Witness) -> None:
    assert witness.add_checkpoint(request(0, [EMPTY], note(5))).status == 422
    assert ask(witness, 0, 5).status == 200


def test_nothing_is_served_of_what_was_not_cosigned(witness: Witness) -> None:
    assert witness.checkpoint(hashlib.sha256(ORIGIN.encode()).hexdigest()).status == 404
    assert witness.checkpoint("../state").status == 404


def test_of_two_at_once_one_wins(tmp_path: Path) -> None:
    """Two processes on one state: check and change are one step."""
    states = [State(tmp_path / "s"), State(tmp_path / "s")]
    both = [Witness(KEY, [VKey.parse(LOG.vkey)], state) for state in states]
    assert ask(both[0], 0, 10).status == 200
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pair: ask(pair[0], 10, pair[1]), zip(both, (20, 30), strict=True)))
    assert sorted(answer.status for answer in answers) == [200, 409]
    for state in states:
        state.close()


def test_it_remembers_over_a_restart(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    assert ask(Witness(KEY, [VKey.parse(LOG.vkey)], state), 0, 10).status == 200
    state.close()
    state = State(tmp_path / "s")
    again = Witness(KEY, [VKey.parse(LOG.vkey)], state)
    assert ask(again, 0, 5).status == 409
    assert ask(again, 10, 20).status == 200
    state.close()


def test_a_cosignature_says_when(witness: Witness) -> None:
    line = parse_signature(ask(witness, 0, 3).body[:-1])
    assert int.from_bytes(line.signature[:8], "big") > 1_700_000_000
    assert line.name == "w.example"
