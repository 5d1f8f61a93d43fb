"""Check an evidence pack offline: no database, no Kafka, no code of the side that made it.

Every file but the two reports is checked by what it says, not by the manifest alone: whoever changes a file
can make the manifest anew. The reports are for reading; of them the manifest's hash is all there is, and
that hash is on record in the ledger (LedgerRead).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tokentrail.verifier.evidence_body import BodyReader, unbase64
from tokentrail.verifier.evidence_csv import expected_row, table_problem
from tokentrail.verifier.evidence_files import PackFiles
from tokentrail.verifier.evidence_query import AskedQuery
from tokentrail.verifier.leaf import Leaf, parse
from tokentrail.verifier.merkle import check_inclusion
from tokentrail.verifier.notes import Checkpoint, NoteError, VKey, open_checkpoint
from tokentrail.verifier.range_proof import RangeProof
from tokentrail.verifier.report import Problem

FORMAT = "tokentrail evidence 1"
WRONG = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


@dataclass
class EvidenceReport:
    """The verdict on a pack. `complete` is None where its query cannot be shown to be (see `notes`)."""

    origin: str = ""
    tree_size: int = 0
    root_hash: str = ""
    first_index: int = 0
    end_index: int = 0
    entries: int = 0
    opened: int = 0
    complete: bool | None = False
    pinned: bool = False
    cosigned: dict[str, int] = field(default_factory=dict)
    manifest: str = ""
    query: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems

    def add(self, kind: str, index: int | None, detail: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(kind, index, detail))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"ok": self.ok, **asdict(self)}


def verify_evidence(path: Path, vkey: str | None = None, witnesses: Sequence[str] = ()) -> EvidenceReport:
    """Check a pack. `vkey` is the log's verifier key as known from elsewhere, `witnesses` those whose
    cosignatures must be there.

    Raises TokentrailError if the file is no pack, NoteError if a key given is none. What is wrong with the
    pack is in the report.
    """
    log = VKey.parse(vkey) if vkey else None
    keys = [VKey.parse(witness) for witness in witnesses]
    report = EvidenceReport(pinned=log is not None)
    files = PackFiles(path)
    try:
        report.manifest, wrong = files.manifest()
        for problem in wrong:
            report.add("manifest", None, problem)
        check = _Check(files, report)
        for step in (check.query, lambda: check.checkpoint(log, keys), check.listed, check.range, check.entries):
            try:
                step()
            except WRONG as error:
                kind, file = check.at
                report.add(kind, None, f"{file} cannot be read: {error}"[:200])
                break
    finally:
        files.close()
    if not report.ok:
        report.complete = False
    return report


class _Check:
    """The steps, in order; each relies on those before. `at` names the kind and file for what cannot be read."""

    def __init__(self, files: PackFiles, report: EvidenceReport) -> None:
        self._files = files
        self._report = report
        self._bodies = BodyReader()
        self._listed: dict[int, dict[str, Any]] = {}
        self._expected: set[int] = set()
        self._leaves: dict[int, bytes] = {}
        self.at = ("query", "query.json")

    def query(self) -> None:
        """The question, and whether it is one that can be checked."""
        asked = self._files.json("query.json")
        if asked["format"] != FORMAT:
            raise ValueError(f"format {asked['format']!r} is not known")
        self._asked = asked
        self._query = AskedQuery(asked["query"])
        report = self._report
        report.origin, report.query = str(asked["origin"]), asked["query"]
        report.first_index, report.end_index = (
            int(asked["looked_at"]["first_index"]),
            int(asked["looked_at"]["end_index"]),
        )
        self._pruned = int(asked["pruned_before"])
        if self._pruned:
            report.notes.append(f"entries before index {self._pruned} are said to be pruned past the retention")

    def checkpoint(self, log: VKey | None, witnesses: Sequence[VKey]) -> None:
        """The signed head, by the key given or, unpinned, by that of the pack."""
        self.at = ("checkpoint", "checkpoint.txt")
        report = self._report
        note = self._files.read("checkpoint.txt")
        own = VKey.parse(self._files.read("vkey.txt").decode())
        if log is None:
            report.notes.append("no verifier key was given: the signature was checked with the key in the pack only")
        elif str(own) != str(log):
            report.add("checkpoint", None, "the pack names another verifier key than the one given")
        try:
            self._head: Checkpoint = open_checkpoint(
                note, log or own, origin=report.origin, witnesses=witnesses, quorum=len(witnesses)
            )
        except NoteError as error:
            report.add("checkpoint", None, str(error))
            self._head = open_checkpoint(note, own, origin=report.origin)
        report.tree_size, report.cosigned = self._head.size, self._head.witnesses
        report.root_hash = base64.b64encode(self._head.root).decode()
        if self._asked["tree_size"] != self._head.size:
            report.add("query", None, "query.json names another tree size than the checkpoint")

    def listed(self) -> None:
        """The entries that the pack brings, and the schemas to read them by, each proved by itself."""
        self.at = ("schema", "schemas.jsonl")
        for entry in self._files.lines("schemas.jsonl"):
            leaf = self._proved(entry, "schema")
            if leaf is None or entry["state"] != "open":
                continue
            salt, body = unbase64(entry["salt"]), unbase64(entry["body"])
            if hashlib.sha256(salt + body).digest() != leaf.commitment:
                self._report.add("schema", entry["index"], "the schema is not the one that the leaf commits to")
            else:
                self._bodies.add_schema(leaf, body)
        self.at = ("entry", "entries.jsonl")
        last = -1
        for entry in self._files.lines("entries.jsonl"):
            index = int(entry["index"])
            if index <= last:
                raise ValueError(f"index {index} is out of order or there twice")
            last = index
            self._listed[index] = entry

    def _proved(self, entry: dict[str, Any], kind: str) -> Leaf | None:
        """The leaf of an entry if its inclusion proof holds."""
        raw = unbase64(entry["leaf"])
        proof = [unbase64(one) for one in entry["inclusion"]]
        leaf_hash = hashlib.sha256(b"\x00" + raw).digest()
        if not check_inclusion(leaf_hash, entry["index"], self._head.size, proof, self._head.root):
            self._report.add(
                kind if kind == "schema" else "inclusion", entry["index"], "the inclusion proof does not hold"
            )
            return None
        return parse(raw)

    def range(self) -> None:
        """Every leaf of the range, proved at once; on the way the query is asked of each."""
        self.at = ("range", "range-proof.json")
        report, said = self._report, self._files.json("range-proof.json")
        first, end = report.first_index, report.end_index
        if (said["first_index"], said["end_index"], said["tree_size"]) != (first, end, self._head.size):
            raise ValueError("it is of another range or tree than query.json says")
        left, right = ([unbase64(one) for one in said[side]] for side in ("left", "right"))
        proof = RangeProof(first, end, self._head.size, left, right)
        self.at = ("range", "leaves.bin")
        index, edges, batch = first, [], []
        for raw in self._files.leaves():
            leaf = parse(raw)
            if index in (first, end - 1):
                edges.append(leaf)
            if self._query.matches(leaf):
                self._expected.add(index)
            if index in self._listed:
                self._leaves[index] = raw
            batch.append(hashlib.sha256(b"\x00" + raw).digest())
            if len(batch) == 4096:
                proof.extend(batch)
                batch = []
            index += 1
        proof.extend(batch)
        if index != end or not proof.gives(self._head.root):
            report.add("range", None, "the leaves of the range do not give the root of the checkpoint")
            return
        for problem in self._query.reach(edges[0], edges[-1], first == self._pruned, end == self._head.size):
            report.add("range", None, problem)

    def entries(self) -> None:
        """Each entry against the range, its body against its leaf; none missing, none too many; the table."""
        self.at = ("entry", "entries.jsonl")
        report, rows = self._report, []
        for index, entry in self._listed.items():
            raw, state, event = unbase64(entry["leaf"]), entry["state"], entry["event"]
            if self._leaves.get(index) != raw:
                report.add("entry", index, "the leaf is not the one at this index of the range")
                continue
            leaf = self._proved(entry, "entry")
            if leaf is None:
                continue
            self._check_body(index, leaf, entry)
            rows.append(expected_row(index, leaf, raw, state, event))
        for index in sorted(self._listed.keys() - self._expected):
            report.add("query", index, "the entry does not meet the query")
        if self._query.ip is None:
            for index in sorted(self._expected - self._listed.keys()):
                report.add("left_out", index, "the entry meets the query and is not in the pack")
            report.complete = report.ok
        else:
            report.complete = None
            report.notes.append("addresses are sealed: that no other entry holds this one cannot be shown by a pack")
        if self._asked["matches"] != len(self._listed):
            report.add("query", None, f"query.json says {self._asked['matches']} entries match")
        report.entries = len(self._listed)
        self.at = ("csv", "entries.csv")
        if report.ok or not {"entry", "inclusion"} & {problem.kind for problem in report.problems}:
            problem = table_problem(self._files.read("entries.csv"), rows)
            if problem:
                report.add("csv", None, problem)

    def _check_body(self, index: int, leaf: Leaf, entry: dict[str, Any]) -> None:
        report = self._report
        if entry["state"] != "open":
            if (entry["salt"], entry["body"], entry["event"]) != (None, None, None):
                report.add("body", index, "an entry that was not opened brings a body")
            if entry["state"] not in ("forgotten", "sealed"):
                report.add("body", index, f"the ledger's own state of this body is {entry['state']!r}")
            if self._query.ip is not None:
                report.add("query", index, "nothing shows that the entry holds the address")
            return
        problem = self._bodies.problem(leaf, entry)
        if problem:
            report.add("body", index, problem)
            return
        report.opened += 1
        if self._query.ip is not None and (entry["event"].get("source") or {}).get("ip") != self._query.ip:
            report.add("query", index, "the entry does not hold the address")
