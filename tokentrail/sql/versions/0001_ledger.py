"""The ledger, positions and outboxes."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file of the same name."""
    sql = (Path(__file__).parent.parent / "0001_ledger.sql").read_bytes()
    op.get_bind().connection.driver_connection.execute(sql)
