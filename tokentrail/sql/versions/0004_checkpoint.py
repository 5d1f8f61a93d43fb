"""Checkpoints, witnesses and origins."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    sql = (Path(__file__).parent.parent / "0004_checkpoint.sql").read_bytes()
    op.get_bind().connection.driver_connection.execute(sql)
