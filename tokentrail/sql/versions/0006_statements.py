"""Completeness by issuer statements."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    sql = (Path(__file__).parent.parent / "0006_statements.sql").read_bytes()
    op.get_bind().connection.driver_connection.execute(sql)
