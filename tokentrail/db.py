"""Connections to Postgres, each under the least role that does its work."""

from __future__ import annotations

from typing import Literal

import psycopg
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tokentrail.config import Settings
from tokentrail.errors import ConfigError, NotConnected

Role = Literal["admin", "owner", "writer", "reader", "checkpointer", "issuer", "scorer", "retention"]

# A transaction left open by a stopped process must not hold the ledger's head for longer than this,
# and no call may wait for ever: libpq itself never gives up (see docs/decisions/exactly-once.md).
GUARDS = {
    "idle_in_transaction_session_timeout": "4s",
    "lock_timeout": "8s",
    "statement_timeout": "60s",
}


def conninfo(settings: Settings, role: Role) -> str:
    """libpq connection string with the role taken at connection start, guards and keepalives set.

    `admin` keeps the login's own role (migrations); all others become tokentrail_<role>.
    """
    url = settings.require("database_url").replace("postgresql+psycopg://", "postgresql://", 1)
    options = [f"-c {name}={value}" for name, value in GUARDS.items() if role not in ("admin", "reader")]
    if role != "admin":
        options.append(f"-c role=tokentrail_{role}")
    ours = {
        "connect_timeout": "10",
        "tcp_user_timeout": "8000",
        "keepalives_idle": "5",
        "application_name": f"tokentrail {role}",
    }
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise ConfigError("TOKENTRAIL_DATABASE_URL is not a postgresql:// URL") from None
    options = [*options, str(given.pop("options", ""))]
    return make_conninfo(url, **{**ours, **given, "options": " ".join(options).strip()})


def connect(settings: Settings, role: Role, *, autocommit: bool = False) -> psycopg.Connection:
    """One connection. Raises NotConnected in one line; the password is never part of it."""
    try:
        return psycopg.connect(conninfo(settings, role), autocommit=autocommit)
    except psycopg.OperationalError as error:
        place = conninfo_to_dict(settings.require("database_url"))
        reason = str(error).strip().splitlines()[-1]
        raise NotConnected(
            f"Postgres at {place.get('host')}:{place.get('port', 5432)} as {role}: {reason}; "
            "check TOKENTRAIL_DATABASE_URL, or run `tokentrail up` and `tokentrail migrate`"
        ) from None


def engine(settings: Settings, role: Role, *, pool_size: int = 10) -> sqlalchemy.Engine:
    """An SQLAlchemy engine over the same connections, for those who want a pool and Core."""
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(settings, role),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        pool_recycle=1800,
    )
