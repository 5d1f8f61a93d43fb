"""The reference issuer's state."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    sql = (Path(__file__).parent.parent / "0002_issuer.sql").read_bytes()
    op.get_bind().connection.driver_connection.execute(sql)
