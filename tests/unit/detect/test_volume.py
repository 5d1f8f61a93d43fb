"""Guessing and what follows it, beside the bad mornings of honest people."""

from __future__ import annotations

from tests.unit.detect.scenes import FAR, HOME, PHONE, Scene, only

OFFICE = only(HOME, ip="192.0.2.1", asn=50)


def settled(count: int = 40) -> Scene:
    """Many subjects who are at home behind one office address, each with a machine."""
    scene = Scene()
    for _ in range(6):
        for number in range(count):
            scene.event("login_success", f"u{number}", after=2_000, **only(OFFICE, device_id=f"d{number}"))
    scene.now += 7_200
    return scene


def test_one_source_and_many_accounts_is_a_spray_and_its_success_is_lost() -> None:
    scene = settled()
    found = [scene.event("login_failure", f"u{n % 30}", after=20, **FAR) for n in range(60)]
    assert {"password_spray", "credential_stuffing"} & set(found[-1].detections)
    assert found[-1].score > 0.9 > found[0].score
    success = scene.event("login_success", "u3", **FAR)
    assert "success_after_attack" in success.detections
    assert success.score > 0.9


def test_the_morning_after_passwords_expired_is_quiet() -> None:
    scene = settled()
    worst = max(
        scene.event("login_failure", f"u{n % 40}", after=5, **only(OFFICE, device_id=f"d{n % 40}")).score
        for n in range(120)
    )
    assert worst < 0.45


def test_a_spray_from_behind_the_office_spares_its_people() -> None:
    scene = settled()
    for n in range(80):
        scene.event("login_failure", f"u{n % 40}", after=15, **only(OFFICE, device_id=None, user_agent="hydra/9"))
    mine = scene.event("login_success", "u5", **only(OFFICE, device_id="d5"))
    assert mine.score < 0.45
    assert "success_after_attack" not in mine.detections


def test_many_guesses_on_one_account() -> None:
    scene = Scene()
    scene.habit()
    found = [scene.event("login_failure", after=10, **FAR) for _ in range(30)]
    assert "brute_force" in found[-1].detections
    assert scene.event("login_success", after=30, **HOME).score < 0.3  # the owner, all the same
    assert "success_after_attack" in scene.event("login_success", after=30, **FAR).detections


def test_a_forgotten_password_is_quiet() -> None:
    scene = Scene()
    scene.habit()
    found = [scene.event("login_failure", after=20, **HOME) for _ in range(15)]
    assert all("brute_force" not in v.detections for v in found)
    assert scene.event("login_success", after=20, **HOME).score < 0.3


def test_a_stuffing_list_of_unknown_names() -> None:
    scene = settled()
    found = [scene.event("login_failure", f"nobody{n}", after=3, **FAR) for n in range(60)]
    assert "credential_stuffing" in found[-1].detections


def test_many_sources_together() -> None:
    scene = settled()
    found = [
        scene.event("login_failure", f"u{n % 40}", after=20, **only(FAR, ip=f"203.0.{n % 50}.9", device_id=None))
        for n in range(80)
    ]
    assert "password_spray_distributed" in found[-1].detections


def test_refused_prompts_and_the_one_accepted() -> None:
    scene = Scene()
    scene.habit()
    found = [scene.event("mfa_failure", after=40, **FAR) for _ in range(8)]
    assert "mfa_fatigue" in found[-1].detections
    assert "mfa_fatigue" in scene.event("mfa_success", after=40, **FAR).detections


def test_one_refused_prompt_is_a_slip() -> None:
    scene = Scene()
    scene.habit()
    assert scene.event("mfa_failure", **HOME).detections == []
    assert scene.event("mfa_success", after=20, **HOME).detections == []


def test_one_device_and_very_many_accounts() -> None:
    scene = settled()
    for n in range(35):
        last = scene.event("login_failure", f"u{n}", after=8, **only(FAR, ip=f"203.0.{n}.9"))
    assert "device_many_subjects" in last.detections


def test_one_account_and_many_faces() -> None:
    scene = Scene()
    scene.habit()
    for n in range(14):
        face = only(FAR, ip=f"203.0.{n}.9", device_id=f"x{n}", user_agent=PHONE)
        last = scene.event("login_failure", after=200, **face)
    assert "device_rotation" in last.detections
