"""The deny-list: order does not matter, entries leave at their time, memory is bounded."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tokentrail.tokens.denylist import MICROS, TARGETS, DenyList

NOW = 1_800_000_000


def claims(**over: object) -> dict[str, object]:
    return {"jti": "j", "sid": "s", "sub": "u", "client_id": "c", "iss": "i", "iat": NOW - 10} | over


def listed(now: float = NOW) -> DenyList:
    return DenyList(clock=lambda: now)


def test_each_target_denies_its_claim() -> None:
    names = {"jti": "j", "session": "s", "subject": "u", "client": "c", "issuer": "i"}
    for target, value in names.items():
        deny_list = listed()
        deny_list.add(target, value, NOW * MICROS, (NOW + 900) * MICROS)
        assert deny_list.denies(claims()) == target
        assert deny_list.denies(claims(jti="x", sid="x", sub="x", client_id="x", iss="x")) is None


def test_only_what_was_issued_before_the_revocation_is_denied() -> None:
    deny_list = listed()
    deny_list.add("subject", "u", (NOW - 5) * MICROS, (NOW + 900) * MICROS)
    assert deny_list.denies(claims(iat=NOW - 5)) == "subject"
    assert deny_list.denies(claims(iat=NOW - 4)) is None


def test_entries_leave_at_their_time() -> None:
    now = [float(NOW)]
    deny_list = DenyList(clock=lambda: now[0])
    deny_list.add("jti", "j", NOW * MICROS, (NOW + 10) * MICROS)
    assert deny_list.denies(claims()) == "jti"
    now[0] += 10
    assert deny_list.denies(claims()) is None
    assert deny_list.expire() == 1
    assert len(deny_list) == 0
    deny_list.add("jti", "old", NOW * MICROS, (NOW + 10) * MICROS)
    assert len(deny_list) == 0


def test_a_full_list_says_so_instead_of_forgetting() -> None:
    deny_list = DenyList(max_entries=2, clock=lambda: NOW)
    for value in "abc":
        deny_list.add("jti", value, NOW * MICROS, (NOW + 10) * MICROS)
    assert len(deny_list) == 2
    assert deny_list.overflowed


@given(
    st.lists(
        st.tuples(st.sampled_from(TARGETS), st.sampled_from("ab"), st.integers(-50, 50), st.integers(-10, 90)),
        max_size=5,
    )
)
def test_entries_in_any_order_end_in_the_same_state(entries: list[tuple[str, str, int, int]]) -> None:
    states = set()
    for order in itertools.permutations(entries):
        deny_list = listed()
        for target, value, revoked, until in order:
            deny_list.add(target, value, (NOW + revoked) * MICROS, (NOW + until) * MICROS)
        states.add(frozenset(deny_list.entries()))
    assert len(states) == 1
