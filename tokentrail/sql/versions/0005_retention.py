"""Erasure, retention and archive."""

from tokentrail.sql.run_file import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql(__file__)
