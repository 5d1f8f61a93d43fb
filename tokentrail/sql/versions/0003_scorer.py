"""The scorer's state and the alert queue."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    sql = (Path(__file__).parent.parent / "0003_scorer.sql").read_bytes()
    op.get_bind().connection.driver_connection.execute(sql)
