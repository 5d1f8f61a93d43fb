"""Connections to Postgres, each under the least role that does its work."""

from __future__ import annotations

from typing import Literal

import psycopg
import sqlalchemy
from sqlalchemy.engine import make_url

from tokentrail.config import Settings
from tokentrail.errors import NotConnected

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
    url = make_url(settings.require("database_url"))
    options = [f"-c {name}={value}" for name, value in GUARDS.items() if role not in ("admin", "reader")]
    if role != "admin":
        options.append(f"-c role=tokentrail_{role}")
    query = {
        "connect_timeout": "10",
        "tcp_user_timeout": "8000",
        "keepalives_idle": "5",
        "application_name": f"tokentrail {role}",
        "options": " ".join(options),
    }
    query |= {key: str(value) for key, value in url.query.items()}
    plain = url.set(drivername="postgresql", query=query)
    return plain.render_as_string(hide_password=False)


def connect(settings: Settings, role: Role, *, autocommit: bool = False) -> psycopg.Connection:
    """One connection. Raises NotConnected in one line; the password is never part of it."""
    try:
        return psycopg.connect(conninfo(settings, role), autocommit=autocommit)
    except psycopg.OperationalError as error:
        url = make_url(settings.require("database_url"))
        reason = str(error).strip().splitlines()[-1]
        raise NotConnected(
            f"Postgres at {url.host}:{url.port or 5432} as {role}: {reason}; "
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
