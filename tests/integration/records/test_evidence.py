"""Evidence packs: what is in them holds, and each way of bending one is caught with its verdict."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from tests.integration.records.book import Book
from tests.integration.records.conftest import months_ago
from tokentrail.cli import app
from tokentrail.errors import NotFound, Refused, TokentrailError
from tokentrail.events import source
from tokentrail.ledger.archive.run import archive_before
from tokentrail.ledger.evidence.pack import make_pack
from tokentrail.ledger.forget import forget
from tokentrail.ledger.notes import NoteKey, checkpoint_text
from tokentrail.ledger.query import Query
from tokentrail.verifier.evidence import EvidenceReport, verify_evidence

EVIL = source(ip="203.0.113.9", user_agent='=HYPERLINK("http://evil")', city="<script>alert(1)</script>", country="XX")
Files = dict[str, bytes]


def pack(book: Book, out: Path, **asked: Any) -> Path:
    make_pack(book.settings, Query.of(**{"limit": 1000} | asked), out, reader="officer", purpose="case 1")
    return out


def unpacked(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Files, path: Path, *, manifest: bool = True) -> Path:
    """Zip again; with `manifest`, as somebody would who knows how packs are made."""
    if manifest:
        listed = {
            name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != "manifest.json"
        }
        files = files | {"manifest.json": json.dumps({"format": "tokentrail evidence 1", "files": listed}).encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def kinds(report: EvidenceReport) -> set[str]:
    return {problem.kind for problem in report.problems}


@pytest.fixture(scope="module")
def made(module_ledger: Book, tmp_path_factory: pytest.TempPathFactory) -> tuple[Files, str]:
    """The files of a good pack over one subject's entries, and the verifier key."""
    book = module_ledger
    for _ in range(3):
        book.write(None, 20, subject="u-case")
        book.write(None, 30)
    key = NoteKey(book.settings.ledger_origin, Ed25519PrivateKey.generate())
    book.sign(key)
    book.write(None, 7, subject="u-case")  # not under the checkpoint
    path = pack(book, tmp_path_factory.mktemp("pack") / "case.zip", sub="u-case")
    return unpacked(path), key.vkey


def test_a_good_pack(made: tuple[Files, str], tmp_path: Path) -> None:
    files, vkey = made
    report = verify_evidence(packed(files, tmp_path / "p.zip", manifest=False), vkey)
    assert report.problems == []
    assert (report.entries, report.opened, report.complete, report.pinned) == (60, 60, True, True)
    assert (report.first_index, report.end_index) == (0, report.tree_size) == (0, 451)
    unpinned = verify_evidence(tmp_path / "p.zip")
    assert unpinned.ok
    assert not unpinned.pinned
    assert "no verifier key" in unpinned.notes[0]


# --- the table of tampering ---------------------------------------------------------------------------


def lines(files: Files, name: str = "entries.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[name].splitlines()]


def put(files: Files, entries: list[dict[str, Any]], name: str = "entries.jsonl") -> None:
    files[name] = b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def edit(change: Callable[[list[dict[str, Any]]], Any], name: str = "entries.jsonl") -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        entries = lines(files, name)
        change(entries)
        put(files, entries, name)

    return apply


def edit_json(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        value = json.loads(files[name])
        change(value)
        files[name] = json.dumps(value).encode()

    return apply


def flip(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[len(raw) // 2] ^= 1
    return base64.b64encode(bytes(raw)).decode()


def remove_everywhere(files: Files) -> None:
    """Leave an entry out of all that names it, counts included: the range still shows it."""
    entries = lines(files)
    gone = entries.pop(30)
    put(files, entries)
    rows = list(csv.reader(io.StringIO(files["entries.csv"].decode(), newline="")))
    text = io.StringIO(newline="")
    csv.writer(text).writerows(row for row in rows if row[0] != str(gone["index"]))
    files["entries.csv"] = text.getvalue().encode()
    edit_json("query.json", lambda asked: asked.update(matches=59))(files)


def remove_leaf(files: Files) -> None:
    raw = files["leaves.bin"]
    length = int.from_bytes(raw[:2], "big")
    files["leaves.bin"] = raw[2 + length :]


def edit_leaf(files: Files) -> None:
    raw = bytearray(files["leaves.bin"])
    raw[raw.index(b"u-case") + 5] ^= 1
    files["leaves.bin"] = bytes(raw)


def edit_body(entries: list[dict[str, Any]]) -> None:
    body = bytearray(base64.b64decode(entries[3]["body"]))
    at = body.index(b"198.51.100.")
    body[at + 1] = ord("8")
    entries[3]["body"] = base64.b64encode(bytes(body)).decode()
    entries[3]["event"]["source"]["ip"] = "188" + entries[3]["event"]["source"]["ip"][3:]


def edit_csv(files: Files) -> None:
    files["entries.csv"] = files["entries.csv"].replace(b"Canaryville", b"Elsewhere", 1)


def swap(entries: list[dict[str, Any]]) -> None:
    entries[0], entries[1] = entries[1], entries[0]


def swap_bodies(entries: list[dict[str, Any]]) -> None:
    for name in ("salt", "body", "event"):
        entries[0][name], entries[1][name] = entries[1][name], entries[0][name]


def other_entry(entries: list[dict[str, Any]]) -> None:
    entries[2]["index"] += 1


def forget_in_pack(entries: list[dict[str, Any]]) -> None:
    entries[4] |= {"state": "forgotten", "salt": None, "body": None, "event": None}


def narrow(files: Files) -> None:
    """Claim that only the first part was looked at, with a proof that holds for it."""
    edit_json("query.json", lambda asked: asked["looked_at"].update(end_index=400))(files)


def other_key(files: Files) -> None:
    """Sign the same head with a key of one's own."""
    text = files["checkpoint.txt"].decode().partition("\n\n")[0] + "\n"
    key = NoteKey(text.split("\n")[0], Ed25519PrivateKey.generate())
    files["checkpoint.txt"] = key.sign(text).encode()
    files["vkey.txt"] = key.vkey.encode() + b"\n"


def other_head(files: Files) -> None:
    """A head of one's own over other leaves, signed with a key of one's own."""
    origin, size, _ = files["checkpoint.txt"].decode().split("\n")[:3]
    key = NoteKey(origin, Ed25519PrivateKey.generate())
    files["checkpoint.txt"] = key.sign(checkpoint_text(origin, int(size), hashlib.sha256(b"x").digest())).encode()
    files["vkey.txt"] = key.vkey.encode() + b"\n"


TAMPERING: dict[str, tuple[Callable[[Files], Any], set[str]]] = {
    "entry removed": (edit(lambda entries: entries.pop(5)), {"left_out", "query", "csv"}),
    "entry removed everywhere": (remove_everywhere, {"left_out"}),
    "entries swapped": (edit(swap), {"entry"}),
    "entry doubled": (edit(lambda entries: entries.insert(0, entries[0])), {"entry"}),
    "entry at another index": (edit(other_entry), {"entry"}),
    "entry's leaf changed": (edit(lambda e: e[0].update(leaf=flip(e[0]["leaf"]))), {"entry"}),
    "body changed": (edit(edit_body), {"body", "csv"}),
    "bodies swapped": (edit(swap_bodies), {"body", "csv"}),
    "salt changed": (edit(lambda e: e[0].update(salt=flip(e[0]["salt"]))), {"body"}),
    "event changed": (edit(lambda e: e[0]["event"].update(success=False)), {"body", "csv"}),
    "body withheld": (edit(forget_in_pack), {"csv"}),
    "unknown state": (edit(lambda e: e[0].update(state="fine")), {"body", "csv"}),
    "inclusion proof changed": (edit(lambda e: e[0]["inclusion"].__setitem__(2, flip(e[0]["inclusion"][2]))),
                                {"inclusion"}),
    "inclusion proof cut": (edit(lambda e: e[0]["inclusion"].pop()), {"inclusion"}),
    "inclusion proof longer": (edit(lambda e: e[0]["inclusion"].append(e[0]["inclusion"][0])), {"inclusion"}),
    "leaf of the range changed": (edit_leaf, {"range", "entry", "query"}),
    "leaf of the range removed": (remove_leaf, {"range", "entry", "query", "left_out"}),
    "range proof changed": (edit_json("range-proof.json", lambda p: p["right"].append("AA==")), {"range"}),
    "range of another tree": (edit_json("range-proof.json", lambda p: p.update(tree_size=450)), {"range"}),
    "range claimed narrower": (narrow, {"range"}),
    "query changed": (edit_json("query.json", lambda q: q["query"].update(sub="u-other")), {"query"}),
    "query narrowed": (edit_json("query.json", lambda q: q["query"].update(type="LoginAttempted")), {"query"}),
    "query with a condition of no meaning": (edit_json("query.json", lambda q: q["query"].update(x=1)), {"query"}),
    "query widened": (edit_json("query.json", lambda q: q["query"].pop("sub")), {"left_out"}),
    "count changed": (edit_json("query.json", lambda q: q.update(matches=61)), {"query"}),
    "other origin": (edit_json("query.json", lambda q: q.update(origin="elsewhere")), {"checkpoint"}),
    "checkpoint of another key": (other_key, {"checkpoint"}),
    "checkpoint of another key and head": (other_head, {"checkpoint", "schema", "inclusion", "range"}),
    "checkpoint's size changed": (lambda f: f.update({"checkpoint.txt": f["checkpoint.txt"].replace(b"\n451\n",
                                                                                                b"\n450\n")}),
                                  {"checkpoint"}),
    "checkpoint cut": (lambda f: f.update({"checkpoint.txt": f["checkpoint.txt"][:-20]}), {"checkpoint"}),
    "checkpoint gone": (lambda f: f.pop("checkpoint.txt"), {"checkpoint", "manifest"}),
    "schema changed": (edit(lambda e: e[0].update(body=flip(e[0]["body"])), "schemas.jsonl"), {"schema", "body"}),
    "schema's proof changed": (edit(lambda e: e[0]["inclusion"].pop(), "schemas.jsonl"), {"schema", "body"}),
    "schemas gone": (lambda f: f.update({"schemas.jsonl": b""}), {"body"}),
    "table changed": (edit_csv, {"csv"}),
    "table's columns changed": (lambda f: f.update({"entries.csv": f["entries.csv"].replace(b"city", b"town", 1)}),
                                {"csv"}),
    "table cut": (lambda f: f.update({"entries.csv": f["entries.csv"].rpartition(b"\r\n")[0].rpartition(b"\r\n")[0]}),
                  {"csv"}),
    "entries that are no JSON": (lambda f: f.update({"entries.jsonl": b"{"}), {"entry"}),
    "query that is no JSON": (lambda f: f.update({"query.json": b"[]"}), {"query"}),
    "leaves cut": (lambda f: f.update({"leaves.bin": f["leaves.bin"][:-3]}), {"range"}),
    "leaves gone": (lambda f: f.pop("leaves.bin"), {"range", "manifest"}),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_by_one_who_makes_the_manifest_anew(made: tuple[Files, str], tmp_path: Path, name: str) -> None:
    files, vkey = dict(made[0]), made[1]
    change, verdict = TAMPERING[name]
    change(files)
    report = verify_evidence(packed(files, tmp_path / "p.zip"), vkey)
    assert not report.ok
    assert report.complete is not True
    assert kinds(report) == verdict, report.problems


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_shows_in_the_manifest(made: tuple[Files, str], tmp_path: Path, name: str) -> None:
    files = dict(made[0])
    TAMPERING[name][0](files)
    assert "manifest" in kinds(verify_evidence(packed(files, tmp_path / "p.zip", manifest=False)))


def test_files_that_only_the_manifest_covers(made: tuple[Files, str], tmp_path: Path) -> None:
    """The reports; a file too many; the manifest itself, whose hash is on record in the ledger."""
    good = verify_evidence(packed(made[0], tmp_path / "good.zip", manifest=False))
    for name, content in {"report.html": b"x", "report.pdf": b"x", "notes.txt": b"x"}.items():
        files = made[0] | {name: content}
        assert kinds(verify_evidence(packed(files, tmp_path / "p.zip", manifest=False))) == {"manifest"}
        anew = verify_evidence(packed(files, tmp_path / "p.zip"))
        assert anew.manifest != good.manifest
    broken = made[0] | {"manifest.json": b"[]"}
    assert kinds(verify_evidence(packed(broken, tmp_path / "p.zip", manifest=False))) == {"manifest"}


def test_a_file_there_twice(made: tuple[Files, str], tmp_path: Path) -> None:
    path = packed(made[0], tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("report.html", b"another")
    assert "manifest" in kinds(verify_evidence(path))


def test_the_export_is_on_record(module_ledger: Book, tmp_path: Path) -> None:
    path = pack(module_ledger, tmp_path / "p.zip", sub="u-case")
    with psycopg.connect(module_ledger.settings.require("database_url")) as conn:
        row = conn.execute(
            "select convert_from(event, 'UTF8')::json from ledger.outbox order by id desc limit 1"
        ).fetchone()
    assert row is not None
    assert row[0]["reader"].startswith("officer (login ")
    assert json.loads(row[0]["query"])["evidence_manifest"] == verify_evidence(path).manifest
    assert row[0]["rows"] == 60


# --- what packs are made of ----------------------------------------------------------------------------


@pytest.fixture
def mixed(book: Book, note_key: NoteKey) -> Book:
    """Old months, today, and an attacker's strings."""
    book.write(months_ago(4), 300)
    book.write(months_ago(4, 12), 50, subject="u-old")
    book.write(months_ago(3), 300, subject="u-mid")
    book.write(None, 10, subject="u-new", source=EVIL)
    book.write(None, 300)
    book.sign(note_key)
    return book


QUERIES: list[dict[str, Any]] = [
    {"sub": "u-old"}, {"sub": "u-new"}, {"sub": "nobody"}, {"type": "WriterSchema"}, {"client": "web", "sub": "u-mid"},
    {"from_": months_ago(4, 11).isoformat(), "to": months_ago(4, 13).isoformat()},
    {"from_": months_ago(3, 1).isoformat(), "sub": "u-mid"}, {"to": months_ago(4, 11).isoformat()},
    {"ip": "203.0.113.9"},
]  # fmt: skip


@pytest.mark.parametrize("archived", [False, True])
def test_every_kind_of_query(mixed: Book, note_key: NoteKey, tmp_path: Path, archived: bool) -> None:
    """From the table, and from the table and two archived months: the same entries, each pack verifies."""
    if archived:
        assert len(archive_before(mixed.settings, datetime.now(UTC))) == 2
        mixed.sign(note_key)
    counts = []
    for n, asked in enumerate(QUERIES):
        path = pack(mixed, tmp_path / f"{n}.zip", **asked)
        report = verify_evidence(path, note_key.vkey)
        assert report.problems == [], asked
        assert report.complete is (None if "ip" in asked else True)
        counts.append(report.entries)
    assert counts == [50, 10, 0, 2 if archived else 1, 300, 50, 300, 300, 10]
    with zipfile.ZipFile(tmp_path / "5.zip") as archive:
        looked = json.loads(archive.read("query.json"))["looked_at"]
    assert looked == {"first_index": 300, "end_index": 352}  # not the whole log: one entry further on each side


def test_a_range_too_narrow_for_its_times(mixed: Book, note_key: NoteKey, tmp_path: Path) -> None:
    """Asking for more time than was looked at does not pass, however honest the proof of the range is."""
    span = {"from_": months_ago(4, 11).isoformat(), "to": months_ago(4, 13).isoformat()}
    files = unpacked(pack(mixed, tmp_path / "p.zip", **span))
    later = (months_ago(4, 13) + timedelta(days=60)).isoformat()
    edit_json("query.json", lambda asked: asked["query"].update({"to": later}))(files)
    report = verify_evidence(packed(files, tmp_path / "q.zip"), note_key.vkey)
    assert "range" in kinds(report)
    earlier = months_ago(4, 1).isoformat()
    files = unpacked(tmp_path / "p.zip")
    edit_json("query.json", lambda asked: asked["query"].update({"from": earlier}))(files)
    assert "range" in kinds(verify_evidence(packed(files, tmp_path / "q.zip"), note_key.vkey))


def test_without_the_data_key_bodies_stay_sealed(mixed: Book, note_key: NoteKey, tmp_path: Path) -> None:
    sealed = mixed.settings.model_copy(update={"data_key": None})
    make_pack(sealed, Query.of(sub="u-new", limit=100), tmp_path / "p.zip")
    report = verify_evidence(tmp_path / "p.zip", note_key.vkey)
    assert report.problems == []
    assert (report.entries, report.opened, report.complete) == (10, 0, True)
    assert b"203.0.113.9" not in b"".join(unpacked(tmp_path / "p.zip").values())


def test_forgotten_entries_are_listed_as_such(mixed: Book, note_key: NoteKey, tmp_path: Path) -> None:
    forget(mixed.settings, "u-old", "request 4")
    mixed.sign(note_key)
    report = verify_evidence(pack(mixed, tmp_path / "p.zip", sub="u-old"), note_key.vkey)
    assert report.problems == []
    assert (report.entries, report.opened) == (51, 1)


def test_formulas_and_markup_are_disarmed(mixed: Book, tmp_path: Path) -> None:
    files = unpacked(pack(mixed, tmp_path / "p.zip", sub="u-new"))
    cells = [cell for row in csv.reader(io.StringIO(files["entries.csv"].decode())) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert '\'=HYPERLINK("http://evil")' in cells
    assert b"<script>" not in files["report.html"]
    assert files["report.pdf"].startswith(b"%PDF-")


def test_what_is_refused(book: Book, note_key: NoteKey, tmp_path: Path) -> None:
    book.write(None, 20, subject="u-1")
    with pytest.raises(NotFound, match="checkpointer"):
        pack(book, tmp_path / "p.zip", sub="u-1")
    book.sign(note_key)
    with pytest.raises(Refused, match="more than 19"):
        pack(book, tmp_path / "p.zip", sub="u-1", limit=19)
    assert list(tmp_path.glob("p.zip*")) == []
    (tmp_path / "no.zip").write_bytes(b"no")
    with pytest.raises(TokentrailError, match="not an evidence pack"):
        verify_evidence(tmp_path / "no.zip")


def test_the_commands(
    module_ledger: Book, made: tuple[Files, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = module_ledger.settings
    for name in ("database_url", "data_key"):
        monkeypatch.setenv(f"TOKENTRAIL_{name.upper()}", settings.require(name))
    monkeypatch.setenv("TOKENTRAIL_STATE_DIR", str(settings.state_dir))
    out = str(tmp_path / "p.zip")
    done = CliRunner().invoke(app, ["evidence", "--out", out, "--sub", "u-case", "--purpose", "case 1", "--json"])
    assert done.exit_code == 0, done.output
    for name in ("KAFKA_BOOTSTRAP", "DATABASE_URL", "SCHEMA_REGISTRY_URL", "DATA_KEY"):
        monkeypatch.delenv(f"TOKENTRAIL_{name}", raising=False)
    good = CliRunner().invoke(app, ["verify-evidence", out, "--vkey", made[1]])
    assert good.exit_code == 0, good.output
    assert "genuine and complete" in good.output
    files = unpacked(Path(out))
    edit_csv(files)
    packed(files, Path(out))
    bad = CliRunner().invoke(app, ["verify-evidence", out, "--vkey", made[1], "--json"])
    assert bad.exit_code == 1
    assert [problem["kind"] for problem in json.loads(bad.output)["problems"]] == ["csv"]
