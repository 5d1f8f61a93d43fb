"""The log itself: found by its origin, made if it is new."""

from __future__ import annotations

from psycopg import Connection
from psycopg.rows import TupleRow


def open_log(conn: Connection[TupleRow], origin: str) -> int:
    """The id of the log with this origin; a new one begins empty. The connection must be the writer's."""
    row = conn.execute("select log_id from ledger.log where origin = %s", (origin,)).fetchone()
    if row is None:
        conn.execute(
            """insert into ledger.log (log_id, origin)
            select coalesce(max(log_id), 0) + 1, %s from ledger.log on conflict do nothing""",
            (origin,),
        )
        row = conn.execute("select log_id from ledger.log where origin = %s", (origin,)).fetchone()
    if row is None:
        return open_log(conn, origin)  # another log took the id between the two statements
    return int(row[0])
