"""F35: a backup of before the last checkpoint is restored. The old origin cannot go on; a new one says why."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from tests.integration.checkpoint.conftest import Grow, Start, await_size
from tests.integration.checkpoint.test_checkpointer import await_refusal, cut_tail, refusals
from tokentrail.cli import app
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.ledger.notes import NoteKey, load_note_key
from tokentrail.ledger.own_entry import find_log
from tokentrail.ledger.stored_tree import StoredTree
from tokentrail.tokens.make_keys import secret
from tokentrail.verifier import verify
from tokentrail.verifier.leaf import parse
from tokentrail.verifier.notes import VKey, open_checkpoint

NEW = "tokentrail.local/ledger-2"


def environment(settings: Settings) -> dict[str, str]:
    return {
        "TOKENTRAIL_DATABASE_URL": settings.require("database_url"),
        "TOKENTRAIL_STATE_DIR": str(settings.state_dir),
        "TOKENTRAIL_DATA_KEY": settings.require("data_key"),
        "TOKENTRAIL_CHECKPOINT_KEY": settings.require("checkpoint_key"),
    }


def restore(settings: Settings, checkpoint: Path, *more: str, origin: str = NEW) -> tuple[int, str]:
    result = CliRunner().invoke(
        app,
        ["origin", "restore", "--old-checkpoint", str(checkpoint), "--new-origin", origin, *more],
        env=environment(settings),
    )
    return result.exit_code, result.output if result.exception is None else f"{result.output}{result.exception}"


def test_a_restored_database_goes_on_under_a_new_origin(
    log: Settings, grow: Grow, start: Start, superuser: psycopg.Connection, tmp_path: Path
) -> None:
    superuser.execute("insert into ledger.partition_position values ('tokens.events', 0, 'id', 1, 'me', 7)")
    grow(300)
    start()
    kept = tmp_path / "kept.txt"
    kept.write_text(await_size(log, 300).note)
    before = refusals("rollback")
    cut_tail(superuser, grow)  # what a restore of an older backup leaves
    await_refusal("rollback", before)

    assert restore(log, kept) == (0, f"{NEW} begins after tokentrail.local/ledger at 300: "
                                     f"set TOKENTRAIL_LEDGER_ORIGIN={NEW}\n")  # fmt: skip
    renewed = log.model_copy(update={"ledger_origin": NEW})
    start(renewed)
    row = await_size(renewed, 1)
    head = open_checkpoint(row.note, VKey.parse(row.vkey), origin=NEW)
    with connect(renewed, "reader", autocommit=True) as conn:
        log_id = find_log(conn, NEW)
        assert StoredTree(conn, log_id).root(1) == head.root
        leaf = parse(bytes(conn.execute("select leaf from ledger.entry where log_id = %s", (log_id,)).fetchall()[0][0]))
        report = verify(conn, NEW)
    old = open_checkpoint(
        kept.read_bytes(), VKey.parse(load_note_key(log.require("checkpoint_key"), log.ledger_origin, "K").vkey)
    )
    root = kept.read_text().split("\n")[2]
    assert (leaf.type, leaf.client_id, leaf.jti) == ("OriginRestored", old.origin, f'[300,"{root}"]')
    assert [problem for problem in report.problems if problem.kind.startswith("offset")] == []

    code, said = restore(log, kept)
    assert code
    assert "has entries already" in said


def test_what_is_refused(log: Settings, grow: Grow, start: Start, tmp_path: Path) -> None:
    grow(10)
    start()
    note = await_size(log, 10).note
    kept = tmp_path / "kept.txt"
    kept.write_text(note)
    stranger: NoteKey = load_note_key(secret(), log.ledger_origin, "K")
    cases = {
        "all 10 entries that were signed are here": (NEW, note, []),
        "another name": (log.ledger_origin, note, []),
        "cannot name a key": ("two words", note, []),
        "carriage returns": (NEW, note.replace("\n", "\r\n"), []),
        "signed with another key": (NEW, note, ["--vkey", stranger.vkey]),
    }
    for reason, (origin, text, more) in cases.items():
        kept.write_bytes(text.encode())
        code, said = restore(log, kept, *more, origin=origin)
        assert code
        assert reason in said
    kept.write_bytes(note.encode())
    assert restore(log, kept, "--force")[0] == 0


@pytest.mark.parametrize(
    "command", [["checkpoint"], ["checkpoint", "--vkey"], ["checkpoint", "--json"], ["prove", "--index", "3"]]
)
def test_commands_on_a_signed_log(command: list[str], log: Settings, grow: Grow, start: Start) -> None:
    grow(10)
    start()
    row = await_size(log, 10)
    result = CliRunner().invoke(app, command, env=environment(log))
    assert result.exit_code == 0, result.output
    assert (row.vkey if "--vkey" in command else row.note.split("\n")[2]) in result.stdout
