"""Protocol detections: what must fire, and the ordinary life beside it that must not."""

from __future__ import annotations

import pytest

from tests.unit.detect.scenes import FAR, HOME, NEWER, PHONE, START, Scene, only


@pytest.fixture
def scene() -> Scene:
    """Ann with a habit and a session."""
    made = Scene()
    made.habit()
    made.session()
    return made


def test_a_rotated_token_presented_again_is_reuse(scene: Scene) -> None:
    assert scene.event("token_refresh", family="f1", gen=0, jti="j2", **HOME).score < 0.2
    verdict = scene.event("token_refresh", after=300, family="f1", gen=0, jti="j3", **FAR)
    assert verdict.detections[0] == "refresh_token_reuse"
    assert verdict.score > 0.97


def test_the_victim_who_comes_second_gives_the_thief_away(scene: Scene) -> None:
    scene.event("token_refresh", family="f1", gen=0, jti="j2", **FAR)
    verdict = scene.event("token_refresh", after=600, family="f1", gen=0, jti="j3", **HOME)
    assert "refresh_token_reuse" in verdict.detections


def test_a_refresh_retried_because_the_answer_was_lost_is_quiet(scene: Scene) -> None:
    scene.event("token_refresh", family="f1", gen=0, jti="j2", **HOME)
    verdict = scene.event("token_refresh", after=8, family="f1", gen=0, jti="j2", **only(HOME, ip="198.18.7.7"))
    assert "refresh_token_reuse" not in verdict.detections
    assert verdict.score < 0.3


def test_a_retry_by_another_machine_is_no_retry(scene: Scene) -> None:
    scene.event("token_refresh", family="f1", gen=0, jti="j2", **HOME)
    verdict = scene.event("token_refresh", after=8, family="f1", gen=0, jti="j2", **only(HOME, user_agent=PHONE))
    assert "refresh_token_reuse" in verdict.detections


def test_use_after_revoke(scene: Scene) -> None:
    scene.event("token_revoke", jti="j1", family="f1", **HOME)
    assert scene.event("token_use", after=4, jti="j1", **HOME).detections == []  # a call in flight
    verdict = scene.event("token_use", after=60, jti="j1", **HOME)
    assert verdict.detections[0] == "use_after_revoke"
    assert "use_after_revoke" in scene.event("token_refresh", family="f1", gen=0, jti="j9", **HOME).detections


@pytest.mark.parametrize("forged", [{"iss": "https://evil.test"}, {"kid": "k2"}, {"iss": None, "kid": "k2"}])
def test_a_foreign_issuer_or_key_is_forged(scene: Scene, forged: dict[str, str]) -> None:
    verdict = scene.event("token_use", jti="jx", **{"kid": "k1", **forged}, **HOME)
    assert verdict.detections[0] == "unknown_issuer_or_key"


def test_a_known_key_is_not(scene: Scene) -> None:
    assert scene.event("token_use", jti="j1", kid="k1", **HOME).detections == []


def test_without_a_trust_list_the_stream_teaches_it() -> None:
    from tokentrail.detect.policy import Policy  # noqa: PLC0415

    scene = Scene(Policy())
    for number in range(260):
        scene.event("token_issue", f"u{number % 9}", after=90, jti=f"t{number}", kid="k1", **HOME)
    assert scene.event("token_use", "u1", jti="t259", kid="k1", **HOME).detections == []
    assert "unknown_issuer_or_key" in scene.event("token_use", "u1", jti="t1", kid="kx", **HOME).detections


def test_lifetime_over_policy(scene: Scene) -> None:
    fine = scene.event("token_issue", jti="ja", kid="k1", exp=scene.now + 905, **HOME)
    assert "lifetime_over_policy" not in fine.detections
    verdict = scene.event("token_issue", jti="jb", kid="k1", exp=scene.now + 86_400, **HOME)
    assert verdict.detections[0] == "lifetime_over_policy"


def test_scope_that_grows_on_refresh(scene: Scene) -> None:
    same = scene.event("token_refresh", family="f1", gen=0, jti="j2", scope="read", **HOME)
    assert "scope_widened" not in same.detections
    verdict = scene.event("token_refresh", family="f1", gen=1, jti="j3", scope="read admin", **HOME)
    assert verdict.detections[0] == "scope_widened"
    assert "admin" in verdict.reasons[0]


def test_a_session_in_two_hands(scene: Scene) -> None:
    verdict = scene.event("token_use", jti="j1", **FAR)
    assert "session_on_two_networks" in verdict.detections
    assert verdict.score > 0.9


@pytest.mark.parametrize(
    "moved",
    [
        only(HOME, ip="198.18.99.1", asn=300),  # Wi-Fi to mobile under one token
        only(HOME, user_agent=NEWER),  # the browser was upgraded
        only(HOME, ip="203.0.113.77", asn=901, country="ZZ", lat=-30.0, lon=150.0),  # the VPN was switched on
    ],
)
def test_a_session_that_moves_with_its_machine_is_quiet(scene: Scene, moved: dict[str, str]) -> None:
    verdict = scene.event("token_use", jti="j1", **moved)
    assert "session_on_two_networks" not in verdict.detections
    assert verdict.score < 0.45


def test_the_same_stream_gives_the_same_verdicts() -> None:
    def play() -> list[float]:
        scene = Scene()
        scene.habit()
        scene.session()
        return [scene.event("token_use", jti="j1", after=5, **(FAR if n % 3 else HOME)).score for n in range(12)]

    assert play() == play()
    assert START > 0
