"""The scorer's state and the alert queue."""

from tokentrail.sql.run_file import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql(__file__)
