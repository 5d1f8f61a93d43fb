"""A server that is not there yet is waited for with growing pauses and said once, never as a traceback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

CLI = [sys.executable, "-c", "from tokentrail.cli import main; main()"]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize("command", ["ledger-writer", "scorer", "issuer", "web"])
def test_a_missing_database_is_waited_for(command: str, tmp_path: object) -> None:
    env = os.environ | {
        "TOKENTRAIL_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/none",
        "TOKENTRAIL_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "TOKENTRAIL_SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{free_port()}",
        "TOKENTRAIL_STATE_DIR": str(tmp_path),
    }
    process = subprocess.Popen([*CLI, command], env=env, stderr=subprocess.PIPE, text=True)  # noqa: S603
    time.sleep(6)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=15)
    assert errors.count("waiting for a server") == 1
    assert "TOKENTRAIL_DATABASE_URL" in errors
    assert "Traceback" not in errors


def test_an_address_that_is_not_known_is_an_error_at_once(tmp_path: object) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("TOKENTRAIL_")}
    done = subprocess.run(  # noqa: S603
        [*CLI, "ledger-writer"], env=env | {"TOKENTRAIL_STATE_DIR": str(tmp_path)}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "TOKENTRAIL_DATABASE_URL" in done.stderr
