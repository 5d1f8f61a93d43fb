"""The ledger, positions and outboxes."""

from tokentrail.sql.run_file import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql(__file__)
