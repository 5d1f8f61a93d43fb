"""The leaf as written and as parsed: two pieces of code that share nothing but the format."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrail.ledger.leaf import COMMITMENT, Draft, chain_hash, commitment, leaf_bytes, leaf_hash
from tokentrail.verifier.leaf import parse

TEXT = st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
BOUND = commitment(b"s" * 32, b"body")


def draft(**over: Any) -> Draft:
    values: dict[str, Any] = {
        "topic": "tokens.events", "partition": 3, "offset": 7, "kafka_time": 1_700_000_000_000, "event_id": b"e" * 16,
        "type": "TokenUsed", "issuer": "https://idp", "issuer_stream": "outbox", "issuer_seq": 9, "subject": "u-1",
        "client_id": None, "session_id": "", "jti": "j", "occurred_at": 1_700_000_000_000_000, "schema_id": 5,
        "body": b"body",
    }  # fmt: skip
    return Draft(**(values | over))


@given(
    subject=TEXT, client=TEXT, session=TEXT, jti=TEXT, issuer=TEXT,
    offset=st.integers(0, 1 << 62), event_id=st.none() | st.binary(min_size=16, max_size=16),
)  # fmt: skip
def test_what_is_written_is_read(**given_: Any) -> None:
    d = draft(
        subject=given_["subject"], client_id=given_["client"], session_id=given_["session"], jti=given_["jti"],
        issuer=given_["issuer"], offset=given_["offset"], event_id=given_["event_id"],
    )  # fmt: skip
    leaf = leaf_bytes(d, BOUND)
    read = parse(leaf)
    assert leaf[COMMITMENT] == BOUND == read.commitment
    for name in ("topic", "partition", "offset", "kafka_time", "event_id", "type", "issuer", "issuer_stream",
                 "issuer_seq", "subject", "client_id", "session_id", "jti", "occurred_at", "schema_id"):  # fmt: skip
        assert getattr(read, name) == getattr(d, name), name


def test_nulls_and_empty_texts_differ() -> None:
    assert leaf_bytes(draft(client_id=None), BOUND) != leaf_bytes(draft(client_id=""), BOUND)
    assert parse(leaf_bytes(draft(partition=-1, issuer_seq=-1), BOUND)).issuer_seq is None


def test_a_field_cannot_lend_bytes_to_the_next() -> None:
    assert leaf_bytes(draft(subject="ab", client_id="c"), BOUND) != leaf_bytes(
        draft(subject="a", client_id="bc"), BOUND
    )


def test_malformed_leaves_are_refused() -> None:
    leaf = leaf_bytes(draft(), BOUND)
    for bad in (leaf[:-1], leaf + b"\0", b"x" + leaf[1:], leaf[:20], b""):
        with pytest.raises(ValueError):  # noqa: PT011 - any ValueError is the refusal
            parse(bad)


def test_the_hashes_are_the_contracts() -> None:
    leaf = leaf_bytes(draft(), BOUND)
    assert leaf_hash(leaf) == hashlib.sha256(b"\x00" + leaf).digest()
    assert chain_hash(bytes(32), leaf_hash(leaf)) == hashlib.sha256(b"\x02" + bytes(32) + leaf_hash(leaf)).digest()
