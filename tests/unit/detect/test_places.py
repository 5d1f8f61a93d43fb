"""Places, machines and habits: takeovers and the journeys of honest people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.detect.scenes import DAY, FAR, HOME, PHONE, POLICY, Scene, only
from tokentrail.detect.observation import from_record


@pytest.fixture
def scene() -> Scene:
    """Ann, well known."""
    made = Scene()
    made.habit()
    return made


def test_a_continent_in_an_hour_on_a_strange_machine(scene: Scene) -> None:
    scene.event("login_success", **HOME)
    verdict = scene.event("login_success", after=3_600, **FAR)
    assert {"impossible_travel", "new_device_and_country"} <= set(verdict.detections)
    assert verdict.score > 0.6


def test_a_traveller_with_her_own_laptop_is_no_alarm(scene: Scene) -> None:
    verdict = scene.event("login_success", after=DAY, **only(FAR, user_agent=HOME["user_agent"], device_id="laptop"))
    assert verdict.score < 0.45


@pytest.mark.parametrize(
    "change",
    [
        {"device_id": "cleared"},  # cookies were cleared
        {"user_agent": PHONE, "device_id": "new phone"},  # a new phone at home
        {"ip": "198.18.200.200"},  # the provider gave another address
        {"ip": "198.19.1.1", "asn": 101, "city": "Beta", "lat": 47.4, "lon": 8.5},  # moved house
    ],
)
def test_small_changes_stay_quiet(scene: Scene, change: dict[str, str]) -> None:
    assert scene.event("login_success", **only(HOME, **change)).score < 0.45


def test_a_carrier_hub_far_away_becomes_known_as_one() -> None:
    scene = Scene()
    hub = {"asn": 70, "country": "AA", "city": "Hub", "lat": 52.0, "lon": 30.0, "user_agent": PHONE}
    for number in range(400):
        name, wifi = f"p{number % 20}", only(HOME, ip=f"198.18.3.{number % 20}", user_agent=PHONE, device_id=None)
        scene.event("login_success", name, after=900, **wifi)
        scene.event("token_use", name, after=60, ip=f"100.64.0.{number % 5}", **hub)
    verdict = scene.event("token_use", "p0", after=60, ip="100.64.0.9", **hub)
    assert verdict.score < 0.3


def test_a_sleeper_wakes_elsewhere(scene: Scene) -> None:
    scene.event("login_success", after=45 * DAY, **only(HOME, user_agent=PHONE, device_id="other"))
    scene.event("login_success", after=45 * DAY, **HOME)
    verdict = scene.event("login_success", after=45 * DAY, **FAR)
    assert "dormant_account" in verdict.detections


def test_a_script_in_the_place_of_a_person(scene: Scene) -> None:
    assert "tool_user_agent" in scene.event("login_success", **only(FAR, user_agent="curl/8.4.0")).detections


def test_a_service_with_its_tool_is_quiet() -> None:
    scene = Scene()
    cloud = {"ip": "203.0.113.50", "asn": 16509, "country": "US", "user_agent": "Go-http-client/2.0"}
    for number in range(200):
        verdict = scene.event("token_issue", "svc", after=900, jti=f"s{number}", scope="jobs", **cloud)
    assert verdict.score < 0.2
    moved = scene.event("token_issue", "svc", after=900, jti="sx", scope="jobs", **only(cloud, ip="203.0.113.51"))
    assert moved.score < 0.3


def test_what_others_say(scene: Scene) -> None:
    listed = Scene(replace(POLICY, bad_addresses=frozenset(("203.0.113.9",))))
    listed.habit()
    assert "known_bad_address" in listed.event("login_success", **FAR).detections
    assert listed.event("login_success", **HOME).detections == []
    assert "leaked_credential" in scene.event("login_success", note="leaked_credential", **HOME).detections
    assert "reported_by_user" in scene.event("token_use", note="reported_by_user", **HOME).detections
    assert scene.event("login_failure", note="wrong_password", **HOME).detections == []


def test_a_clock_that_differs_is_said(scene: Scene) -> None:
    event = from_record({"event_id": "late", "type": "token_use", "ts": scene.now + 7_200, "subject": "ann", **HOME})
    event.occurred = scene.now
    assert "clock_skew" in scene.run.verdict(event).detections


def test_a_newcomer_cannot_be_in_two_places(scene: Scene) -> None:
    scene.event("login_success", "new", **HOME)
    assert scene.event("login_success", "new", after=600, **FAR).score > 0.45


def test_far_more_calls_than_ever() -> None:
    scene = Scene()
    for day in range(12):
        scene.event("login_success", after=DAY - 100, **HOME)
        for n in range(10):
            scene.event("token_use", after=10, jti=f"d{day}", **HOME)
            del n
    for _ in range(400):
        last = scene.event("token_use", after=1, jti="d11", **HOME)
    assert "bulk_use" in last.detections


def test_what_is_done_under_an_alert_does_not_become_the_habit(scene: Scene) -> None:
    for _ in range(20):
        scene.event("login_success", after=1_800, **FAR)
        scene.event("login_success", after=1_800, **HOME)
    assert "new_device_and_country" in scene.event("login_success", after=1_800, **FAR).detections


def test_an_absurd_clock_does_not_move_the_stream(scene: Scene) -> None:
    before = scene.run.world.now
    scene.event("login_success", after=900 * DAY, **HOME)
    assert scene.run.world.now == before
    scene.now -= 900 * DAY
    scene.event("login_success", after=60, **HOME)
    assert scene.run.world.now == scene.now
