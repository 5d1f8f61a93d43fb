"""The state directory: who may use it, what is written there, and one `up` at a time."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokentrail.errors import ConfigError

SERVERS = ("kafka_bootstrap", "database_url", "schema_registry_url")
URLS = ("issuer_url", "web_url")
LOG_KEEP_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class State:
    """Paths below one state directory (absolute, links resolved)."""

    root: Path

    @property
    def services(self) -> Path:
        """What runs where: read by every process, holds a password, mode 0600."""
        return self.root / "services.json"

    @property
    def logs(self) -> Path:
        """Output of the services, one file each, older starts beside it."""
        return self.root / "logs"

    @property
    def passwords(self) -> Path:
        """Generated passwords of the database's roles, mode 0600."""
        return self.root / "passwords.json"

    def part(self, name: str) -> Path:
        """Directory of one service: kafka, postgres or registry."""
        return self.root / name


def existing(root: Path) -> State:
    """The state directory as it is; nothing is made."""
    return State(root.expanduser().resolve())


def prepare(root: Path) -> State:
    """Make the state directory where needed. ConfigError when it cannot be written."""
    state = existing(root)
    try:
        state.root.mkdir(parents=True, exist_ok=True)
        state.logs.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _not_writable(state.root, error) from None
    if not os.access(state.root, os.W_OK | os.X_OK) or not os.access(state.logs, os.W_OK | os.X_OK):
        raise _not_writable(state.root, PermissionError("belongs to another user"))
    return state


def prepare_part(state: State, name: str) -> Path:
    """The directory of one service, made where needed."""
    path = state.part(name)
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _not_writable(root: Path, error: OSError) -> ConfigError:
    why = error.strerror or str(error)
    return ConfigError(f"state directory {root} is not writable ({why}): set TOKENTRAIL_STATE_DIR to another")


@contextmanager
def lock(state: State, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the directory's lock; calls `waiting` once when another process has it.

    The kernel drops the lock with the process that holds it, so a killed `up` blocks nobody.
    """
    with _open_private(state.root / "lock") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _open_private(path: Path) -> Any:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    except OSError as error:
        raise _not_writable(path.parent, error) from None


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only: a reader sees the old text or the new."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; an absent, unreadable or damaged one counts as empty."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def update_services(state: State, **entries: Any) -> None:
    """Change entries of services.json; the caller holds the lock."""
    known: dict[str, Any] = dict.fromkeys((*SERVERS, *URLS))
    known.update(read_json(state.services))
    known.update(entries)
    write_private(state.services, json.dumps(known, indent=2) + "\n")


def record(state: State, name: str) -> dict[str, Any]:
    """What is remembered of one service between starts: its ports and last process id."""
    found = read_json(state.services).get("processes")
    entry = found.get(name) if isinstance(found, dict) else None
    return entry if isinstance(entry, dict) else {}


def has_password(state: State, role: str) -> bool:
    """Whether the role's password has been generated before and is still there."""
    return role in read_json(state.passwords)


def password(state: State, role: str) -> str:
    """The generated password of a database role, made at first use and kept with mode 0600."""
    path = state.passwords
    known = read_json(path)
    if role not in known:
        known[role] = secrets.token_urlsafe(24)
        write_private(path, json.dumps(known) + "\n")
    return str(known[role])


def open_log(state: State, name: str) -> Path:
    """The log file to append to; a long one steps aside first (three older ones are kept)."""
    path = state.logs / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_KEEP_BYTES:
        for age in (2, 1):
            older = path.with_suffix(f".log.{age}")
            if older.exists():
                older.replace(path.with_suffix(f".log.{age + 1}"))
        path.replace(path.with_suffix(".log.1"))
    path.touch(mode=0o600)
    return path
