"""The parts below the rules: parsing, baseline, trees, decisions, incidents, snapshots, backtest."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest

from tests.unit.detect.scenes import FAR, HOME, LAPTOP, NEWER, PHONE, POLICY, Scene
from tokentrail.detect import snapshots
from tokentrail.detect.agents import agent, similarity
from tokentrail.detect.backtest import Run, backtest
from tokentrail.detect.decisions import Limiter, decide
from tokentrail.detect.facts import NAMES
from tokentrail.detect.feedback import Reviews
from tokentrail.detect.forest import PICK, flatten
from tokentrail.detect.geo import distance_km, network
from tokentrail.detect.incidents import Book
from tokentrail.detect.models import Models
from tokentrail.detect.observation import Unreadable, from_record
from tokentrail.detect.policy import Policy, load, parse
from tokentrail.detect.state import World
from tokentrail.detect.trees import from_boosting, total
from tokentrail.errors import ConfigError, NotFound


@pytest.mark.parametrize(
    "record",
    [
        [], {}, {"event_id": "a", "type": "login_success"}, {"event_id": "a", "type": "x", "ts": 1},
        {"event_id": "a", "type": ["login_success"], "ts": 1}, {"event_id": "a", "type": "token_use", "ts": math.nan},
        {"event_id": "a", "type": "token_use", "ts": 10**400}, {"event_id": None, "type": "token_use", "ts": 1},
    ],
)  # fmt: skip
def test_unreadable_records_are_refused(record: object) -> None:
    with pytest.raises(Unreadable):
        from_record(record)  # type: ignore[arg-type]


def test_odd_fields_are_unknown_not_fatal() -> None:
    event = from_record({"event_id": 7, "type": "token_use", "ts": 5, "subject": "s", "lat": math.inf, "lon": 8.0,
                         "asn": 3303, "gen": "x", "exp": True, "success": "yes", "user_agent": 5.5})  # fmt: skip
    assert (event.lat, event.lon, event.asn, event.gen, event.exp) == (None, None, "3303", None, None)
    assert event.success is True
    assert event.user_agent is None


def test_agents_are_compared_by_their_parts() -> None:
    assert agent(LAPTOP).os == "windows"
    assert agent("python-requests/2.32").tool
    assert similarity(LAPTOP, NEWER) > 0.95
    assert similarity(LAPTOP, PHONE) < 0.2
    assert similarity(LAPTOP, "curl/8") == 0.0


def test_places_and_networks() -> None:
    assert distance_km(0, 0, 0, 180) == pytest.approx(math.pi * 6_371)
    assert network("192.0.2.77") == network("::ffff:192.0.2.1") == "192.0.2.0/24"
    assert network("2001:db8:1:2::1") == network("2001:db8:1:ffff::9")
    assert network("fe80::1%eth0") == network("fe80::1")
    assert network("not an address") == "not an address"


def test_flattened_trees_equal_scikit_learn() -> None:
    random = np.random.default_rng(5)
    rows = random.normal(size=(400, len(NAMES))).astype(np.float32)
    model = IsolationForest(n_estimators=20, random_state=1).fit(rows[:, PICK])
    forest = flatten(model, rows[:, PICK])
    theirs = -model.score_samples(rows[:50, PICK])
    ours = [forest.anomaly(tuple(map(float, row))) for row in rows[:50]]
    assert ours == pytest.approx(theirs, abs=1e-12)
    boosted = HistGradientBoostingClassifier(max_iter=20, random_state=1).fit(rows, rows[:, 3] > 0.4)
    trees, base = from_boosting(boosted)
    ours = [base + total(trees, tuple(map(float, row))) for row in rows[:50]]
    assert ours == pytest.approx(boosted.decision_function(rows[:50]), abs=1e-9)


def stolen(scene: Scene) -> None:
    """Ann has a session; its first refresh token was used."""
    scene.habit()
    scene.session()
    scene.event("token_refresh", family="f1", gen=0, jti="j2", **HOME)


def test_policy_decides_apart_from_scores() -> None:
    scene = Scene()
    stolen(scene)
    event = from_record({"event_id": "x", "type": "token_refresh", "ts": scene.now + 300, "subject": "ann",
                         "family": "f1", "gen": 0, "jti": "j3", **FAR})  # fmt: skip
    verdict, now = scene.run.verdict(event), scene.now + 300
    plain = decide(event, verdict, POLICY, Limiter(), now)
    assert plain.revoke is not None
    assert (plain.revoke.target, plain.revoke.value, plain.severity) == ("family", "f1", "critical")
    for policy, why in (
        (replace(POLICY, shadow=True), "shadow"),
        (replace(POLICY, protected=frozenset(("ann",))), "protected"),
        (replace(POLICY, automatic=frozenset()), None),
    ):
        held = decide(event, verdict, policy, Limiter(), now)
        assert held.alert
        assert held.revoke is None
        assert held.held is None if why is None else why in str(held.held)
    for policy, why in (
        (replace(POLICY, maintenance=((now - 1, now + 1),)), "maintenance"),
        (replace(POLICY, client_alert_at={"web": 1.1}), None),
    ):
        event.client_id = "web"
        held = decide(event, verdict, policy, Limiter(), now)
        assert held.revoke is None
        assert held.alert is (why is not None)
    late = decide(event, verdict, POLICY, Limiter(), now + 3_600)
    assert "maximum age" in str(late.held)


def test_a_storm_of_revocations_stops() -> None:
    limiter, policy = Limiter(), Policy()
    for n in range(3_000):
        limiter.see(1_000.0, f"a{n}", policy.active_window_seconds)
    allowed = [limiter.allow(1_000.0 + n / 100, f"s{n}", policy) for n in range(200)]
    assert sum(allowed) == policy.max_subjects_per_minute
    assert limiter.allow(1_002.0, "s0", policy)  # more of a subject already hit is no further subject
    assert limiter.tripped > 0


def test_decoys_leave_room_for_the_grave_ones_and_one_detection_cannot_take_all() -> None:
    limiter, policy = Limiter(), Policy()
    for n in range(5_000):
        limiter.see(1_000.0, f"a{n}", policy.active_window_seconds)
    decoys = sum(limiter.allow(1_000.0, f"d{n}", policy, "bulk", "i", critical=False) for n in range(50))
    assert decoys == policy.max_subjects_per_minute // 2
    assert limiter.allow(1_001.0, "real", policy, "reuse", "i", critical=True)
    other = Limiter()
    other.active = limiter.active
    same = sum(other.allow(1_000.0, f"s{n}", policy, "reuse", "i") for n in range(50))
    assert same == policy.max_per_detection


def test_reviews_clear_and_condemn_but_not_without_end() -> None:
    scene, reviews = Scene(), Reviews()
    scene.habit()
    scene.event("login_success", after=60, **FAR)
    world = scene.run.world
    assert world.subjects["ann"].risk
    assert reviews.hear(world, "ann", "confirm", "ada", scene.now)
    assert max(value for value, _ in (world.subjects["ann"].risk or {}).values()) == 1.0
    assert reviews.hear(world, "ann", "dismiss", "ada", scene.now)
    assert world.subjects["ann"].risk is None
    assert not reviews.hear(world, "ann", "ack", "ada", scene.now)
    assert not reviews.hear(world, "nobody", "dismiss", "ada", scene.now)
    assert sum(reviews.hear(world, "ann", "dismiss", "eve", scene.now) for _ in range(500)) == 20


def test_a_small_organisation_is_not_logged_out() -> None:
    limiter, policy = Limiter(), Policy()
    for n in range(30):
        limiter.see(1_000.0, f"a{n}", policy.active_window_seconds)
    assert sum(limiter.allow(1_000.0 + 40 * n, f"s{n}", policy) for n in range(15)) == policy.min_share_subjects


def test_an_incident_is_told_once_with_ids_from_the_event() -> None:
    scene = Scene()
    stolen(scene)
    book, limiter, alerts = Book(), Limiter(), []
    for n in range(4):
        event = from_record({"event_id": f"x{n}", "type": "token_refresh", "ts": scene.now + 300 + n,
                             "subject": "ann", "family": "f1", "gen": 0, "jti": "j3", **FAR})  # fmt: skip
        verdict = scene.run.verdict(event)
        decision = decide(event, verdict, POLICY, limiter, event.ts)
        alerts.append(book.enter(event, verdict, decision, POLICY, event.ts))
    assert [a is not None for a in alerts] == [True, False, False, False]
    assert book.folded == 3
    first = alerts[0]
    assert first is not None
    assert first.command_id is not None
    assert len({first.alert_id, first.command_id}) == 2


def test_a_snapshot_goes_on_like_the_original() -> None:
    scene = Scene()
    stolen(scene)
    scene.event("login_failure", after=30, **FAR)
    plain = json.loads(json.dumps({
        "p": snapshots.dump_population(scene.run.world),
        "s": {k: snapshots.dump_subject(scene.run.world, s) for k, s in scene.run.world.subjects.items()},
        "t": {k: snapshots.dump_token(scene.run.world, t) for k, t in scene.run.world.tokens.items()},
        "f": {k: snapshots.dump_family(scene.run.world, f) for k, f in scene.run.world.families.items()},
    }))  # fmt: skip
    world = World()
    snapshots.load_population(world, plain["p"])
    world.subjects = {k: snapshots.load_subject(world, s) for k, s in plain["s"].items()}
    world.tokens = {k: snapshots.load_token(world, t) for k, t in plain["t"].items()}
    world.families = {k: snapshots.load_family(world, f) for k, f in plain["f"].items()}
    other = Scene()
    other.run.world, other.now = world, scene.now
    for kind, more in (
        ("token_use", {"jti": "j2", **HOME}), ("token_refresh", {"family": "f1", "gen": 0, "jti": "j7", **FAR}),
        ("login_success", FAR), ("token_use", {"jti": "j2", **FAR}), ("login_failure", HOME),
    ):  # fmt: skip
        mine, theirs = scene.event(kind, after=20, **more), other.event(kind, after=20, **more)
        assert (mine.score, mine.detections) == (theirs.score, theirs.detections)
    with pytest.raises(ValueError, match="version"):
        snapshots.load_population(World(), {"version": 0})


def test_backtest_answers_every_line(tmp_path: Path) -> None:
    good = {"event_id": "e1", "type": "login_success", "ts": 1.7e9, "subject": "s"}
    deep = "[" * 100_000
    text = "\n".join([json.dumps(good), "nonsense", "", '{"event_id": "e2"}', deep, '{"ts": 1e999}', json.dumps(good)])
    (tmp_path / "in.jsonl").write_bytes(text.encode() + b"\n\xff\xfe\n")
    counts = backtest(tmp_path / "in.jsonl", tmp_path / "out.jsonl", Policy(), Models(), io.StringIO())
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert counts.lines == len(out) == 8
    assert [o["event_id"] for o in out] == ["e1", None, None, None, None, None, "e1", None]
    assert set(out[0]) == {"event_id", "score", "detections", "reasons", "severity", "revoke"}
    assert all(o["error"] for o in out if o["event_id"] is None)
    again = backtest(tmp_path / "in.jsonl", tmp_path / "out.jsonl", Policy(), Models(), io.StringIO(), alerts_per_day=0)
    assert again.alert_at == pytest.approx(max(o["score"] for o in out if o["event_id"]), abs=1e-5)
    with pytest.raises(NotFound):
        backtest(tmp_path / "none", tmp_path / "out.jsonl", Policy(), Models(), io.StringIO())


def test_policy_files_are_checked(tmp_path: Path) -> None:
    contract = parse({"issuers": {"i": {"kids": ["k"]}}, "max_lifetime_seconds": 600, "future_field": 1})
    assert contract.issuers == {"i": frozenset(("k",))}
    assert contract.max_lifetime_seconds == 600
    for wrong in ([], {"issuers": []}, {"max_lifetime_seconds": "x"}, {"settings": {"nope": 1}}, {"protected": "a"},
                  {"shadow": 1}, {"settings": {"brute_tries": True}},
                  {"maintenance": [[1]]},
                  {"client_alert_at": {"a": "b"}}):  # fmt: skip
        with pytest.raises(ConfigError):
            parse(wrong)
    with pytest.raises(ConfigError):
        load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError):
        load(tmp_path / "bad.json")
    assert load(None) == Policy()


def test_severity_has_five_steps() -> None:
    policy = Policy()
    assert [policy.severity(s) for s in (0.0, 0.3, 0.5, 0.8, 0.99)] == ["none", "low", "medium", "high", "critical"]


def test_a_run_keeps_its_own_state() -> None:
    one, two = Run(POLICY, Models()), Run(POLICY, Models())
    one.line(json.dumps({"event_id": "e", "type": "login_success", "ts": 1, "subject": "s"}))
    assert two.world.events == 0
