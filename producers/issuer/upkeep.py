"""Removing what has expired, a little at a time, so that the tables stay as small as what lives."""

from __future__ import annotations

import threading

import psycopg
import structlog

from producers.issuer.directory import Pool

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
AT_ONCE = 5000

# Used refresh tokens stay until their expiry: their second use must be known. An hour's grace for slow
# clocks.
_EXPIRED = (
    """delete from issuer.access_token where ctid = any(array(
        select ctid from issuer.access_token where expires_at < extract(epoch from now()) - 3600 limit %s))""",
    """delete from issuer.refresh_token where ctid = any(array(
        select ctid from issuer.refresh_token where expires_at < now() - interval '1 hour' limit %s))""",
    """delete from issuer.session where ctid = any(array(
        select ctid from issuer.session s where expires_at < now() - interval '1 hour'
            and not exists (select from issuer.refresh_token r where r.sid = s.sid) limit %s))""",
    """delete from issuer.authorization_code where ctid = any(array(
        select ctid from issuer.authorization_code where expires_at < now() - interval '1 hour' limit %s))""",
    """delete from issuer.used_once where ctid = any(array(
        select ctid from issuer.used_once where expires_at < now() limit %s))""",
    """delete from issuer.cutoff where ctid = any(array(
        select ctid from issuer.cutoff where until < extract(epoch from now()) * 1000000 limit %s))""",
)


def start(pool: Pool, stop: threading.Event) -> None:
    """Run in a thread until stopped."""
    threading.Thread(target=_run, args=(pool, stop), name="upkeep", daemon=True).start()


def _run(pool: Pool, stop: threading.Event) -> None:
    while not stop.wait(EVERY_SECONDS):
        try:
            sweep(pool)
        except psycopg.Error as error:
            log.warning("upkeep failed, trying again later", reason=type(error).__name__)


def sweep(pool: Pool) -> int:
    """Delete what has expired; returns how many rows went."""
    gone = 0
    for statement in _EXPIRED:
        with pool.connection() as conn:
            gone += max(conn.execute(statement, (AT_ONCE,)).rowcount, 0)
    return gone
