"""Run the SQL file that a revision is named after."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from tokentrail.errors import NotConnected


def run_sql(revision_file: str) -> None:
    """Run tokentrail/sql/<revision>.sql whole, without parameters, in the revision's transaction."""
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise NotConnected("migrations need a connection")
    driver.execute((Path(__file__).parent / f"{Path(revision_file).stem}.sql").read_bytes())
