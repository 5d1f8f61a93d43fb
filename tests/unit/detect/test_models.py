"""Artefacts and the shelf: signed, checked, put in use, taken back; training from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.detect.scenes import POLICY
from tokentrail.detect import artefacts, lessons
from tokentrail.detect.evaluation.world import make
from tokentrail.detect.facts import NAMES
from tokentrail.detect.forest import Forest
from tokentrail.detect.shelf import Shelf
from tokentrail.errors import ConfigError, NotFound, Refused

KEY = Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small labelled stream: events and labels."""
    world = make(4_321, events=12_000, share=0.1)
    place = tmp_path_factory.mktemp("stream")
    (place / "e.jsonl").write_text("\n".join(map(json.dumps, world.rows)) + "\nnot JSON\n")
    labels = [{"event_id": k, "incident": v[1]} for k, v in world.labels.items()]
    (place / "l.jsonl").write_text("\n".join(map(json.dumps, labels)))
    return place / "e.jsonl", place / "l.jsonl"


def test_the_shipped_combiner_loads_and_reads_its_own_facts() -> None:
    combiner = artefacts.bundled().combiner
    assert combiner is not None
    assert set(combiner.names) <= set(NAMES)
    assert 0.0 < combiner.probability((0.0,) * len(NAMES)) < 0.5


def test_a_forest_is_trained_signed_used_and_taken_back(files: tuple[Path, Path], tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "models", KEY)
    document = lessons.teach_forest(lessons.read(files[0], POLICY), files[0])
    assert document["about"]["events"] > 10_000
    assert document["about"]["from"] < document["about"]["to"]
    shelf.put("forest", {**document, "version": "one"})
    shelf.put("forest", {**document, "version": "two"})
    with pytest.raises(NotFound):
        shelf.back("forest")
    before = shelf.stamp()
    shelf.use("forest", "one")
    shelf.use("forest", "two")
    assert shelf.stamp() != before
    models = shelf.models()
    assert isinstance(models.forest, Forest)
    assert models.fixed
    assert shelf.back("forest") == "one"
    assert shelf.back("forest") is None
    assert shelf.models().forest is None


def test_what_is_not_signed_by_us_is_not_loaded(files: tuple[Path, Path], tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, KEY)
    document = {**lessons.teach_forest(lessons.read(files[0], POLICY), files[0]), "version": "v"}
    path = shelf.put("forest", document)
    good = path.read_bytes()
    for bad in (good[:-1] + b" ", good.replace(b'"scale"', b'"Scale"'), b"", b"x\n{}", good[:200],
                artefacts.sign(document, Ed25519PrivateKey.generate())):  # fmt: skip
        path.write_bytes(bad)
        with pytest.raises(ConfigError):
            shelf.use("forest", "v")
    with pytest.raises(NotFound):
        shelf.use("forest", "nowhere")
    with pytest.raises(ConfigError):
        Shelf(tmp_path, None).put("forest", document)


def test_trees_that_never_end_are_refused() -> None:
    document = {"format": artefacts.FORMAT, "version": "x", "names": ["fail"], "base": 0.0,
                "trees": [[[0], [0.5], [0], [0], [0.0]]]}  # fmt: skip
    with pytest.raises(ConfigError):
        artefacts.from_document(document)
    with pytest.raises(ConfigError):
        artefacts.from_document({"format": "other"})
    with pytest.raises(ConfigError):
        artefacts.from_document({**document, "names": ["no such fact"], "trees": []})


def test_a_combiner_is_judged_on_what_it_did_not_see(files: tuple[Path, Path], tmp_path: Path) -> None:
    lesson = lessons.read(files[0], POLICY)
    document, good = lessons.teach_combiner(lesson, *files)
    assert {"area", "area_before", "attacks"} <= set(document["about"])
    assert isinstance(good, bool)
    assert artefacts.from_document(json.loads(json.dumps(document))).names
    (tmp_path / "none.jsonl").write_text('{"event_id": "nobody"}')
    with pytest.raises(Refused):
        lessons.teach_combiner(lesson, files[0], tmp_path / "none.jsonl")
    (tmp_path / "short.jsonl").write_text("")
    with pytest.raises(Refused):
        lessons.read(tmp_path / "short.jsonl", POLICY)
