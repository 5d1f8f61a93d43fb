"""Nothing shaped like a patient's data becomes a subject; identifiers we make never look like it."""

from __future__ import annotations

import uuid
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tokens.conftest import AUDIENCE
from tokentrail import phi
from tokentrail.tokens import keys
from tokentrail.tokens.claims import is_opaque, new_id
from tokentrail.tokens.mint import Minter, NotMintedError

FIRST = st.sampled_from(["Jane", "Alexander", "maria", "Ümit", "JOHN", "wolfeschlegelstein"])
LAST = st.sampled_from(["Doe", "Featherstonehaugh", "garcia-lopez", "O'Brien", "Schmidt"])
JOIN = st.sampled_from([" ", ".", "_", "-", ", ", ""])
BORN = st.dates(min_value=date(1900, 1, 1), max_value=date(2099, 12, 31))
DATES = BORN.map(lambda d: d.isoformat()) | BORN.map(lambda d: d.strftime("%m/%d/%Y"))
SSN = st.from_regex(r"[0-9]{3}-[0-9]{2}-[0-9]{4}", fullmatch=True) | st.from_regex(r"[0-9]{9}", fullmatch=True)
PHONE = st.from_regex(r"(\+1[ -])?\(?[2-9][0-9]{2}\)?[ .-][0-9]{3}[ .-][0-9]{4}", fullmatch=True)
MRN = st.from_regex(r"(MRN|mrn|PAT)[-: ]?[0-9]{6,10}", fullmatch=True)
NAME = st.builds(lambda a, j, b: f"{a}{j}{b}", FIRST, JOIN, LAST)
EMAIL = st.builds(lambda a, b: f"{a}.{b}@clinic.example".lower(), FIRST, LAST)
PHI = st.one_of(
    NAME,
    EMAIL,
    SSN,
    PHONE,
    MRN,
    DATES,
    st.builds(lambda n, d: f"{n}_{d}", NAME, DATES),
    st.builds(lambda n, s: f"{n}-{s}", NAME, SSN),
    st.builds(lambda m, n: f"{m}_{n}", MRN, NAME),
)


@settings(max_examples=500)
@given(PHI)
def test_no_such_value_is_a_subject(minter: Minter, to_audience: keys.EncryptionKey, value: str) -> None:
    assert not is_opaque(value)
    with pytest.raises(NotMintedError) as caught:
        minter.mint(AUDIENCE, to_audience, subject=value, client_id="c_app", lifetime=60)
    assert value not in str(caught.value)


@given(PHI, st.sampled_from(["name", "email", "given_name", "birthdate", "phone_number", "address", "mrn"]))
def test_no_free_text_enters_a_claim(minter: Minter, to_audience: keys.EncryptionKey, value: str, claim: str) -> None:
    with pytest.raises(NotMintedError):
        minter.mint(AUDIENCE, to_audience, subject=new_id(), client_id="c_app", lifetime=60, more={claim: value})


def test_ids_we_make_are_opaque_and_unflagged() -> None:
    for _ in range(2000):
        made = new_id("u_")
        assert is_opaque(made)
        assert phi.shape_of(made) is None
    assert all(is_opaque(str(uuid.uuid4())) for _ in range(200))


@given(st.one_of(EMAIL, SSN.filter(lambda s: "-" in s), PHONE, MRN))
def test_recognisable_shapes_leave_free_text(value: str) -> None:
    agent = f"Mozilla/5.0 (X11; {value}) Gecko/20100101 Firefox/130.0"
    scrubbed = phi.scrub(agent)
    assert value not in scrubbed
    assert scrubbed.startswith("Mozilla/5.0 (X11; ")


def test_ordinary_agents_stay_as_they_are() -> None:
    for agent in (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.86",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148",
        "python-requests/2.32.3",
        "okhttp/4.12.0",
    ):
        assert phi.scrub(agent) == agent


@given(PHI)
def test_events_of_others_are_flagged(value: str) -> None:
    assert phi.flagged({"subject": value, "jti": None, "client_id": new_id()}).get("subject")
