"""The virtual issuer behind backtest files: contract fields, order, labels, and token rules."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from producers.simulator.attacks import ATTACKS
from producers.simulator.file_driver import MONDAY, play, write
from producers.simulator.file_rows import FIELDS
from producers.simulator.file_world import LIFETIME, World
from producers.simulator.plan import month
from producers.simulator.population import Size

TYPES = {
    "login_success", "login_failure", "mfa_success", "mfa_failure",
    "token_issue", "token_refresh", "token_use", "token_revoke",
}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return play(month(5, Size(people=100, days=45), per_type=3), 5)


def test_rows_have_the_contract_s_fields_in_order_of_time(world: World) -> None:
    assert all(tuple(row) == FIELDS for row in world.rows)
    assert {row["type"] for row in world.rows} == TYPES
    assert all(row["subject"] and row["event_id"] for row in world.rows)
    times = [float(str(row["ts"])) for row in world.rows]
    assert times == sorted(times)
    assert times[0] > MONDAY - 86400
    assert len({row["event_id"] for row in world.rows}) == len(world.rows)


def test_every_attack_type_is_labelled(world: World) -> None:
    assert {label.attack for label in world.labels} == set(ATTACKS)
    ids = {row["event_id"] for row in world.rows}
    assert all(label.event_id in ids for label in world.labels)


def test_refresh_generations_rise_by_one_where_they_succeed(world: World) -> None:
    last: dict[object, int] = defaultdict(lambda: -1)
    for row in world.rows:
        if row["type"] != "token_refresh" or not row["success"]:
            continue
        gen = int(str(row["gen"]))
        assert gen in (last[row["family"]], last[row["family"]] + 1)
        last[row["family"]] = gen


def test_honest_people_are_refused_a_refresh_only_beside_a_thief(world: World) -> None:
    labelled = {label.event_id for label in world.labels}
    refused = [r for r in world.rows if r["type"] == "token_refresh" and not r["success"]]
    assert refused
    assert all(row["event_id"] in labelled for row in refused)


def test_only_forged_tokens_outlive_the_policy(world: World) -> None:
    labels = {label.event_id: label.attack for label in world.labels}
    for row in world.rows:
        if row["type"] == "token_use" and row["exp"] is not None:
            over = float(str(row["exp"])) - float(str(row["ts"])) > LIFETIME + 1
            assert not over or labels[str(row["event_id"])] == "overlong_token"


def test_files_are_read_back_as_written(world: World, tmp_path: Path) -> None:
    events, labels, policy = tmp_path / "e.jsonl", tmp_path / "l.jsonl", tmp_path / "p.json"
    written = write(world, events, labels, policy)
    assert written == (len(events.read_text().splitlines()), len(labels.read_text().splitlines()))
    assert json.loads(events.read_text().splitlines()[0]) == world.rows[0]
    assert json.loads(policy.read_text())["issuers"][world.issuer]["kids"] == ["k1", "k2"]
