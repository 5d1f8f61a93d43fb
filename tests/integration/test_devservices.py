"""The embedded services through the program itself: start, reuse, heal after every kind of crash, stop.

Run by root they show that Postgres leaves root behind in a directory that only root may enter (pytest's
temporary directories are such); run by an ordinary user they show that no rights are needed.
"""

# ruff: noqa: S603
from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.machine import PARTS, PROGRAM, Machine
from tokentrail.devservices import announce, status, withdraw
from tokentrail.devservices.artifacts import cache_dir


def test_up_gives_three_servers_that_outlive_it(running: dict[str, Any], machine: Machine) -> None:
    with psycopg.connect(running["database_url"]) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("tokentrail",)
    machine.produce(b"hello")
    assert machine.read_all() == [b"hello"]
    assert machine.run("status").returncode == 0


def test_status_json_has_the_contract_s_keys(running: dict[str, Any], machine: Machine) -> None:
    found = json.loads(machine.run("status", "--json").stdout)
    assert found == running
    assert list(found) == [
        "kafka_bootstrap",
        "database_url",
        "schema_registry_url",
        "issuer_url",
        "web_url",
        "state_dir",
        "healthy",
    ]
    assert found["state_dir"] == str(machine.state)
    assert found["issuer_url"] is None


@pytest.mark.usefixtures("running")
def test_everything_listens_on_loopback_only(machine: Machine) -> None:
    listening = [
        connection.laddr
        for process in machine.processes()
        for connection in process.net_connections("all")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert len({address.port for address in listening}) == 5  # two each but Postgres


def test_passwords_are_for_the_owner_only(running: dict[str, Any], machine: Machine) -> None:
    password = running["database_url"].split(":")[2].split("@")[0]
    assert password not in machine.run("status").stdout
    for process in machine.processes():
        assert password not in " ".join(process.cmdline())
    for name in ("services.json", "passwords.json"):
        assert (machine.state / name).stat().st_mode & 0o777 == 0o600
    wrong = running["database_url"].replace(password, "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_the_registry_is_no_superuser(running: dict[str, Any]) -> None:
    with psycopg.connect(running["database_url"]) as connection:
        row = connection.execute("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'registry'").fetchone()
    assert row == (False, False)


def test_postgres_is_durable_and_checksummed(running: dict[str, Any]) -> None:
    wanted = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "jit": "off",
        "max_connections": "200",
        "TimeZone": "UTC",
    }
    with psycopg.connect(running["database_url"]) as connection:
        rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(wanted)])
        assert dict(rows.fetchall()) == wanted


def test_failed_statements_are_not_logged_with_people_s_data(running: dict[str, Any], machine: Machine) -> None:
    with psycopg.connect(running["database_url"]) as connection:
        connection.execute("CREATE TEMP TABLE secret (name text PRIMARY KEY)")
        connection.execute("INSERT INTO secret VALUES ('Jane Roe 1971')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO secret VALUES ('Jane Roe 1971')")
    assert "Jane Roe" not in (machine.state / "logs" / "postgres.log").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's Postgres runs as that user")
@pytest.mark.usefixtures("running")
def test_postgres_does_not_run_as_root(machine: Machine) -> None:
    assert psutil.Process(machine.pid("postgres")).uids().effective != 0
    assert machine.state.parent.stat().st_mode & 0o077 == 0, "nothing above was opened for it"


def test_a_second_up_finds_them_running(running: dict[str, Any], machine: Machine) -> None:
    before = {name: machine.pid(name) for name in PARTS}
    assert machine.up() == running
    assert {name: machine.pid(name) for name in PARTS} == before


@pytest.mark.usefixtures("running")
def test_down_stops_all_and_a_second_one_has_nothing_to_do(machine: Machine) -> None:
    machine.down()
    assert "nothing was running" in machine.run("down").stdout
    answer = json.loads(machine.run("status", "--json").stdout)
    assert answer["healthy"] is False
    assert answer["kafka_bootstrap"] is None
    refused = machine.run("migrate")
    assert refused.returncode == 2
    assert "tokentrail up" in refused.stderr


@pytest.mark.usefixtures("running")
def test_status_names_an_issuer_only_while_it_listens(machine: Machine) -> None:
    settings = machine.settings()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        announce(settings, issuer_url=url)
        assert status(settings)["issuer_url"] == url
    assert status(settings)["issuer_url"] is None
    withdraw(settings)
    assert status(settings)["healthy"] is True


def test_servers_named_by_the_environment_are_not_started(
    running: dict[str, Any], machine: Machine, tmp_path: Path
) -> None:
    other = Machine(tmp_path / "state")
    for name in ("kafka_bootstrap", "database_url", "schema_registry_url"):
        other.env[f"TOKENTRAIL_{name.upper()}"] = running[name]
    found = other.up()
    assert found["database_url"] == running["database_url"]
    assert other.processes() == []
    other.down()
    assert machine.up() == running, "another directory's down touches nothing here"


def test_a_lost_password_is_said_and_not_waited_for(machine: Machine) -> None:
    machine.down()
    passwords = machine.state / "passwords.json"
    kept = passwords.read_text()
    passwords.unlink()
    done = machine.run("up")
    passwords.write_text(kept)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"tokentrail: {passwords} no longer holds the password")
    assert machine.processes() == []


def test_a_state_directory_of_somebody_else_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = Machine(tmp_path / "file" / "state").run("up")
    assert done.returncode == 2
    assert "TOKENTRAIL_STATE_DIR" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="these tests run as an ordinary user already")
def test_an_ordinary_user_can_do_it_too() -> None:
    home = Path("/var/tmp") / f"tokentrail-user-{os.getpid()}"  # noqa: S108 - pytest's own are closed to others
    home.mkdir(mode=0o700)
    user = "daemon"
    try:
        shutil.chown(home, user)
        machine = Machine(home / "state")
        machine.env |= {"HOME": str(home), "XDG_CACHE_HOME": str(cache_dir().parent)}
        machine.env["PYTHONDONTWRITEBYTECODE"] = "1"
        python = _python_for(user)
        if python is None:
            pytest.skip("no Python that another user may run: this one lies below a closed directory")
        machine.env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", python, *PROGRAM[1:]]
        started = subprocess.run(
            [*as_user, "up", "--json"], env=machine.env, cwd="/", capture_output=True, text=True, check=False
        )
        try:
            assert started.returncode == 0, started.stderr
            assert json.loads(started.stdout)["healthy"] is True
            assert {process.username() for process in machine.processes()} == {user}
        finally:
            subprocess.run([*as_user, "down"], env=machine.env, cwd="/", check=True, capture_output=True)
        assert machine.processes() == []
    finally:
        shutil.rmtree(home)


def _python_for(user: str) -> str | None:
    """A Python of our version that the user may run: this one, or the system's."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        probe = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", candidate, "-c", "import ssl"]
        if subprocess.run(probe, cwd="/", capture_output=True, check=False).returncode == 0:
            return candidate
    return None
