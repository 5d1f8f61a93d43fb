"""Alembic's entry: one connection, one advisory lock, each revision in a transaction of its own."""

from __future__ import annotations

import sqlalchemy
from alembic import context
from sqlalchemy.engine import make_url

from tokentrail.errors import NotConnected

MIGRATION_LOCK = 0x746F6B656E  # "token"


def run() -> None:
    """Migrate the database named in the config's attributes."""
    url = make_url(context.config.attributes["database_url"]).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    try:
        connection = engine.connect()
    except sqlalchemy.exc.OperationalError as error:
        reason = str(error.orig).strip().splitlines()[-1]
        raise NotConnected(f"Postgres at {url.host}:{url.port}: {reason}; check TOKENTRAIL_DATABASE_URL") from None
    with connection:
        connection.execute(sqlalchemy.text(f"select pg_advisory_lock({MIGRATION_LOCK})"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


if context.config.attributes.get("database_url"):
    run()
