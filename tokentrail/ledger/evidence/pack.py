"""Make an evidence pack: what matched, the whole range that was looked at, and the proof of both.

manifest.json     SHA-256 of every other file; its own hash goes on record in the ledger
query.json        the query as asked, by whom and why, the range looked at, what completeness rests on
checkpoint.txt    the signed note (C2SP) with its cosignatures; vkey.txt the log's verifier key
leaves.bin        every leaf of the range, as a C2SP entry bundle: u16 length, bytes
range-proof.json  the subtrees to the left and right of the range
entries.jsonl     what matched: index, leaf, inclusion proof, salt, body, event
schemas.jsonl     the writer schemas, as the entries that they are
entries.csv, report.html, report.pdf   the same for people
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import Connection

from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import Refused
from tokentrail.ledger.evidence.report import html_report, pdf_report
from tokentrail.ledger.evidence.scope import Scope, scope_of
from tokentrail.ledger.export import csv_cell
from tokentrail.ledger.leaves import read_leaves
from tokentrail.ledger.opened import Opened, Opener
from tokentrail.ledger.own_entry import find_log
from tokentrail.ledger.proofs import inclusion_ranges
from tokentrail.ledger.query import Query
from tokentrail.ledger.range_proof import range_proof
from tokentrail.ledger.read_log import record_read
from tokentrail.ledger.search import Found, find_rows
from tokentrail.ledger.stored_tree import StoredTree

FORMAT = "tokentrail evidence 1"
AT_ONCE = 2048
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Packed:
    """What the pack holds; `manifest` is SHA-256 of its manifest, hex."""

    matches: int
    opened: int
    first_index: int
    end_index: int
    tree_size: int
    manifest: str


def make_pack(
    settings: Settings,
    query: Query,
    out: Path,
    *,
    reader: str | None = None,
    purpose: str | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Packed:
    """Write the pack to `out`. It appears there complete, after the export is on record in the ledger.

    Raises NotFound without a checkpoint, Refused where more entries match than the query's limit: a pack
    that leaves matches out would prove nothing.
    """
    partial = out.with_name(out.name + ".partial")
    with connect(settings, "reader") as conn:
        log_id = find_log(conn, settings.ledger_origin)
        conn.execute("lock table ledger.entry in access share mode")
        scope = scope_of(conn, settings, log_id, query)
        rows = find_rows(conn, settings, log_id, replace(query, limit=query.limit + 1))
        rows = sorted((row for row in rows if scope.first <= row.index < scope.end), key=lambda row: row.index)
        if len(rows) > query.limit:
            raise Refused(f"more than {query.limit} entries match: raise --limit, or narrow the query")
        opener = Opener(conn, settings, log_id)
        opened = opener.open(rows)
        try:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
                pack = _Pack(archive, settings, conn, log_id, scope)
                pack.write_proofs(progress)
                pack.write_entries(rows, opened, opener)
                pack.write_reports(query, rows, opened, reader or settings.reader, purpose)
                manifest = pack.write_manifest()
            record_read(
                conn, settings, reader=reader, purpose=purpose, query=query, rows=len(rows), evidence_manifest=manifest
            )
            conn.commit()
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    return Packed(
        len(rows),
        sum(one.state == "open" for one in opened),
        scope.first,
        scope.end,
        scope.checkpoint.tree_size,
        manifest,
    )


class _Pack:
    """A zip being written; remembers the hash of each file."""

    def __init__(
        self, archive: zipfile.ZipFile, settings: Settings, conn: Connection[Any], log_id: int, scope: Scope
    ) -> None:
        self._archive = archive
        self._settings = settings
        self._conn = conn
        self._log_id = log_id
        self._scope = scope
        self._tree = StoredTree(conn, log_id)
        self._files: dict[str, str] = {}

    def _add(self, name: str, content: bytes | Iterator[bytes]) -> None:
        digest = hashlib.sha256()
        with self._archive.open(name, "w", force_zip64=True) as handle:
            for part in [content] if isinstance(content, bytes) else content:
                digest.update(part)
                handle.write(part)
        self._files[name] = digest.hexdigest()

    def write_proofs(self, progress: Progress) -> None:
        """The checkpoint, every leaf of the range, and the range's proof."""
        scope = self._scope
        self._add("checkpoint.txt", scope.checkpoint.note.encode())
        self._add("vkey.txt", scope.checkpoint.vkey.encode() + b"\n")
        self._add("leaves.bin", self._leaves(progress))
        proof = range_proof(self._tree, scope.first, scope.end, scope.checkpoint.tree_size)
        said = {
            "first_index": scope.first,
            "end_index": scope.end,
            "tree_size": scope.checkpoint.tree_size,
            "left": [_b64(one) for one in proof["left"]],
            "right": [_b64(one) for one in proof["right"]],
        }
        self._add("range-proof.json", _json(said))

    def _leaves(self, progress: Progress) -> Iterator[bytes]:
        scope = self._scope
        for start in range(scope.first, scope.end, AT_ONCE):
            end = min(start + AT_ONCE, scope.end)
            leaves = read_leaves(self._conn, self._settings, self._log_id, start, end)
            yield b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
            progress(end - scope.first, scope.end - scope.first)

    def write_entries(self, rows: list[Any], opened: list[Opened], opener: Opener) -> None:
        """What matched, and the writer schemas to read it by."""
        self._add("entries.jsonl", self._entries(rows, opened))
        needed = {row.schema_id for row in rows} - {None}
        schemas = [row for row in opener.schema_rows() if row.schema_id in needed]
        if any(row.index >= self._scope.checkpoint.tree_size for row in schemas):
            raise Refused("a writer schema is not under a signed checkpoint yet: try again in some seconds")
        self._add("schemas.jsonl", self._entries(schemas, opener.open(schemas)))

    def _entries(self, rows: list[Any], opened: list[Opened]) -> Iterator[bytes]:
        size = self._scope.checkpoint.tree_size
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            paths = [inclusion_ranges(row.index, size) for row in some]
            hashes = iter(self._tree.subtrees([one for path in paths for one in path]))
            for row, path, one in zip(some, paths, opened[start : start + AT_ONCE], strict=True):
                yield _json(
                    {
                        "index": row.index,
                        "leaf": _b64(bytes(row.leaf)),
                        "inclusion": [_b64(next(hashes)) for _ in path],
                        "state": one.state,
                        "salt": None if one.salt is None else _b64(one.salt),
                        "body": None if one.body is None else _b64(one.body),
                        "event": one.event,
                    }
                )

    def write_reports(
        self, query: Query, rows: list[Any], opened: list[Opened], reader: str | None, purpose: str | None
    ) -> None:
        """The query as asked, and the matches for people."""
        scope = self._scope
        asked = {
            "format": FORMAT,
            "origin": self._settings.ledger_origin,
            "query": query.as_dict(),
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "reader": reader,
            "purpose": purpose,
            "looked_at": {"first_index": scope.first, "end_index": scope.end},
            "tree_size": scope.checkpoint.tree_size,
            "pruned_before": scope.pruned,
            "matches": len(rows),
            "completeness": _completeness(query, scope),
        }
        self._add("query.json", json.dumps(asked, indent=1).encode() + b"\n")
        found = [Found.of(row, one) for row, one in zip(rows, opened, strict=True)]
        self._add("entries.csv", _csv(found))
        note = scope.checkpoint.note
        self._add("report.html", html_report(asked, found, note).encode())
        self._add("report.pdf", pdf_report(asked, found, note))

    def write_manifest(self) -> str:
        """The hash of each file; returns the manifest's own."""
        content = json.dumps({"format": FORMAT, "files": self._files}, indent=1, sort_keys=True).encode() + b"\n"
        self._archive.writestr("manifest.json", content)
        return hashlib.sha256(content).hexdigest()


def _completeness(query: Query, scope: Scope) -> str:
    """In words, what the pack proves of being complete and what it rests on."""
    said = (
        f"Every leaf from index {scope.first} to {scope.end - 1} is in leaves.bin and proved to the checkpoint; "
        "each that meets the public conditions of the query is in entries.jsonl."
    )
    if query.ip is not None:
        said += (
            " Addresses are sealed and not in the leaves: that the entries listed hold this address is proved where "
            "they are opened; that no other entry does cannot be proved to one who may not open the others."
        )
    if query.from_ is not None or query.to is not None:
        said += (
            " The range reaches ten minutes past the times asked for, by the broker's clock; an entry that reached "
            "the log out of order by more than that would be outside of it."
        )
    if scope.pruned:
        said += f" Entries before index {scope.pruned} were pruned past the retention."
    return said


def _csv(found: list[Found]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(Found.CSV_FIELDS)
    for one in found:
        flat = one.flat()
        writer.writerow([csv_cell(flat.get(name)) for name in Found.CSV_FIELDS])
    return text.getvalue().encode()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
