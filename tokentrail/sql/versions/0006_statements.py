"""Completeness by issuer statements."""

from tokentrail.sql.run_file import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql(__file__)
