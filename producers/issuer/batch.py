"""Group commit: what many requests write at the same moment goes into one transaction.

A grant that only inserts (client credentials, a failed login) needs no transaction of its own. One thread
commits what has come together meanwhile; every request still waits for its COMMIT, so no token leaves that is
not recorded.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

import structlog

from producers.issuer.directory import Pool
from producers.issuer.grant_record import Record, write

log = structlog.get_logger(__name__)

MAX_BATCH = 256
MAX_WAITING = 10_000


class BatchWriter:
    """One thread that commits records together, in the order they came."""

    def __init__(self, pool: Pool, on_committed: Callable[[], None]) -> None:
        self._pool, self._on_committed = pool, on_committed
        self._queue: queue.Queue[tuple[Record, Future[None]] | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="group commit", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what waits, then end."""
        self._queue.put(None)
        self._thread.join(10)

    def submit(self, record: Record) -> Future[None]:
        """Done once the record is committed.

        Raises queue.Full when too much waits: better refused than late.
        """
        done: Future[None] = Future()
        self._queue.put_nowait((record, done))
        return done

    def _run(self) -> None:
        ending = False
        while not ending:
            first = self._queue.get()
            batch = [] if first is None else [first]
            ending = first is None
            while len(batch) < MAX_BATCH:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ending = True
                    break
                batch.append(following)
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[tuple[Record, Future[None]]]) -> None:
        try:
            with self._pool.connection() as conn:
                write(conn, [record for record, _ in batch])
        except Exception as error:  # noqa: BLE001 - the thread must live, and every waiting request be told
            # Whether a failed COMMIT happened is not known; each request answers 503 and its token is not
            # given out.
            log.warning("group commit failed", reason=type(error).__name__, records=len(batch))
            for _, done in batch:
                done.set_exception(error)
            return
        self._on_committed()
        for _, done in batch:
            done.set_result(None)
