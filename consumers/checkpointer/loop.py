"""The checkpointer: look, sign, have it cosigned, store it, copy it; refuse loudly and go on looking."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import structlog
from prometheus_client import Counter, Gauge
from psycopg import Connection

from consumers.checkpointer.copies import Copies, NotCopied, open_copies
from consumers.checkpointer.memory import Memory, SignedHead
from consumers.checkpointer.settings import CheckpointerSettings, load_checkpointer_settings
from consumers.checkpointer.signing import Signing, Unsigned
from consumers.checkpointer.witnesses import Witness, Witnesses, parse_witnesses
from tokentrail.config import Settings
from tokentrail.db import connect
from tokentrail.errors import NotConnected, Refused
from tokentrail.ledger.checkpoints import add
from tokentrail.ledger.notes import load_note_key
from tokentrail.ledger.stored_tree import StoredTree

POLL_SECONDS = 0.1
SAY_AGAIN_SECONDS = 60.0

SIGNED = Counter("tokentrail_checkpoints_signed", "Checkpoints signed")
SIZE = Gauge("tokentrail_checkpoint_tree_size", "Tree size of the checkpoint signed last")
SIGNED_AT = Gauge("tokentrail_checkpoint_signed_timestamp_seconds", "When the last checkpoint was signed")
REFUSED = Counter("tokentrail_checkpoint_refusals", "Looks at a tree that may not be signed, by reason", ["reason"])
REFUSING = Gauge("tokentrail_checkpoint_refusing", "1 while the tree may not be signed: the log was changed or cut")
UNCOPIED = Counter("tokentrail_checkpoint_copy_failures", "Copies of a checkpoint that failed")

log = structlog.get_logger()


class Checkpointer:
    """One log's checkpointer. Owned by one thread."""

    def __init__(self, settings: Settings, own: CheckpointerSettings) -> None:
        self._settings = settings
        self._own = own
        origin = settings.ledger_origin
        key = load_note_key(settings.require("checkpoint_key"), origin, "TOKENTRAIL_CHECKPOINT_KEY")
        path = own.checkpoint_state or settings.state_dir / "checkpointer" / "memory.sqlite"
        self._memory = Memory(path)
        self._signing = Signing(self._memory, key, origin)
        self._witnesses = Witnesses(parse_witnesses(own.witnesses), self._memory, origin, own.witness_timeout)
        self._copies: Copies | None = open_copies(own.checkpoint_copy, own.checkpoint_copy_token)
        self._head: SignedHead | None = None
        self._lines: dict[Witness, str] = {}
        self._uncopied = False
        self._next_signing = 0.0
        self._refusal: tuple[str, float] | None = None
        kept = self._copies.newest() if self._copies else None
        if kept:
            self._signing.take_history(kept, "the copy outside the database")
        log.info("checkpointer started", vkey=key.vkey, witnesses=len(self._witnesses))

    def close(self) -> None:
        """Close the memory and the witnesses' connections."""
        self._witnesses.close()
        self._memory.close()

    def session(self, conn: Connection[Any], stop: threading.Event) -> None:
        """Look again and again on one connection. What was remembered but never stored is stored first."""
        self._head = self._memory.head(self._settings.ledger_origin)
        self._lines = {}
        if self._head is not None:
            self._publish(conn)
        while not stop.is_set():
            self.round(conn)
            stop.wait(POLL_SECONDS)

    def round(self, conn: Connection[Any]) -> None:
        """1 sign if due, 2 publish, or 3 ask again for what is missing of the last head."""
        head = None
        if time.monotonic() >= self._next_signing:
            try:
                head = self._signing.step(conn)
            except (Unsigned, Refused) as error:
                self._say_refusal(error)
                return
            self._refusal = None
            REFUSING.set(0)
        if head is None:
            self._complete(conn)
            return
        self._next_signing = time.monotonic() + self._own.checkpoint_interval
        SIGNED.inc()
        SIZE.set(head.size)
        SIGNED_AT.set_to_current_time()
        self._head, self._lines = head, {}
        self._publish(conn)

    def _publish(self, conn: Connection[Any]) -> None:
        """Cosign, store, copy. The head is in our memory already: a crash here loses nothing."""
        head = self._head
        log_id = self._log_id(conn)
        if head is None or log_id is None:
            return
        if len(self._witnesses) > len(self._lines):
            tree = StoredTree(conn, log_id)
            self._lines = self._witnesses.cosign(head, tree.consistency, self._lines)
        note = head.note + "".join(self._lines.values())
        add(conn, log_id, head.size, note, head.vkey, len(self._lines))
        self._copy(head, note)

    def _complete(self, conn: Connection[Any]) -> None:
        """While nothing grows: cosignatures of witnesses that were away, and a copy that failed."""
        head = self._head
        if head is None:
            return
        if self._uncopied:
            self._copy(head, head.note + "".join(self._lines.values()))
        if len(self._lines) < len(self._witnesses):
            before = len(self._lines)
            tree = StoredTree(conn, self._log_id(conn) or 0)
            self._lines = self._witnesses.cosign(head, tree.consistency, self._lines)
            if len(self._lines) > before:
                self._publish(conn)

    def _copy(self, head: SignedHead, note: str) -> None:
        if self._copies is None:
            return
        try:
            self._copies.put(head.size, note)
            self._uncopied = False
        except NotCopied as error:
            UNCOPIED.inc()
            if not self._uncopied:
                log.warning("a checkpoint was not copied outside the database; trying on", reason=str(error))
            self._uncopied = True

    def _log_id(self, conn: Connection[Any]) -> int | None:
        query = "select log_id from ledger.log where origin = %s"
        row = conn.execute(query, (self._settings.ledger_origin,)).fetchone()
        return int(row[0]) if row else None

    def _say_refusal(self, error: Unsigned | Refused) -> None:
        reason = error.reason if isinstance(error, Unsigned) else "tree"
        REFUSED.labels(reason).inc()
        REFUSING.set(1)
        now = time.monotonic()
        if self._refusal is None or self._refusal[0] != reason or now - self._refusal[1] > SAY_AGAIN_SECONDS:
            self._refusal = (reason, now)
            log.critical("NOT SIGNING: the log is not the one that was signed", reason=reason, detail=str(error))


def run(settings: Settings, stop: threading.Event) -> None:
    """Run until `stop` is set; a lost database is waited for."""
    checkpointer = Checkpointer(settings, load_checkpointer_settings())
    said = False
    try:
        while not stop.is_set():
            try:
                with connect(settings, "checkpointer", autocommit=True) as conn:
                    said = False
                    checkpointer.session(conn, stop)
            except (psycopg.Error, NotConnected) as error:
                if not said:
                    log.warning("no database; trying on", reason=str(error).strip().partition("\n")[0])
                said = True
                stop.wait(0.5)
    finally:
        checkpointer.close()
