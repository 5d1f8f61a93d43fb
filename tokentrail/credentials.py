"""Secrets that the environment names instead of holding: a file descriptor or a systemd credential.

`fd:3` reads file descriptor 3 once; `credential:NAME` reads $CREDENTIALS_DIRECTORY/NAME (systemd.exec(5)).
Anything else is the secret itself. Neither is a path that we choose, and nothing is ever written.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

from tokentrail.errors import ConfigError

MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_read: dict[int, str] = {}
_lock = threading.Lock()


def resolve(setting: str, variable: str) -> str:
    """The secret that a setting holds or names. Raises ConfigError naming the variable."""
    kind, _, name = setting.strip().partition(":")
    if kind == "fd" and name.isascii() and name.isdigit():
        return _from_descriptor(int(name), variable)
    if kind == "credential":
        return _from_credential(name, variable)
    return setting


def _from_descriptor(number: int, variable: str) -> str:
    """A pipe can be read once, so what it gave is kept in memory."""
    with _lock:
        if number not in _read:
            try:
                with os.fdopen(number, "rb") as source:
                    _read[number] = source.read(MAX_BYTES).decode()
            except (OSError, UnicodeError) as error:
                raise ConfigError(f"{variable}: file descriptor {number}: {type(error).__name__}") from None
        return _read[number]


def _from_credential(name: str, variable: str) -> str:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        raise ConfigError(f"{variable}: CREDENTIALS_DIRECTORY is not set; use LoadCredential= in the systemd unit")
    if not _NAME.match(name):
        raise ConfigError(f"{variable}: that is not the name of a credential")
    try:
        return (Path(directory) / name).read_text()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{variable}: credential {name}: {type(error).__name__}") from None
