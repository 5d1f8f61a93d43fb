"""Erasure, retention and archive."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    sql = (Path(__file__).parent.parent / "0005_retention.sql").read_bytes()
    op.get_bind().connection.driver_connection.execute(sql)
