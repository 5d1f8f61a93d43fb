"""A copy of each checkpoint outside the database: a directory, or any store that takes HTTP PUT.

Layout: `checkpoint` is the newest, `checkpoints/<size>` all of them, the size as in tlog-tiles paths
(1234067 is x001/x234/067), so that no directory grows without bound. Object locks on the store make it
a place that even its owner cannot rewrite.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Protocol

import httpx

from tokentrail.errors import ConfigError
from tokentrail.ledger.tile_paths import index_path

NEWEST = "checkpoint"


class NotCopied(Exception):
    """The copy could not be made; it is tried again."""


class Copies(Protocol):
    """A place for copies."""

    def put(self, size: int, note: str) -> None:
        """Keep a note. Raises NotCopied."""

    def newest(self) -> str | None:
        """The newest note kept, None if there is none or it cannot be read now."""


class DirectoryCopies:
    """Copies in a directory, best on another disk or a mount of another machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"TOKENTRAIL_CHECKPOINT_COPY: {root} cannot be made: {error.strerror}") from None

    def put(self, size: int, note: str) -> None:
        """Write both files, each in one step and synced."""
        try:
            for path in (self._root / "checkpoints" / index_path(size), self._root / NEWEST):
                path.parent.mkdir(parents=True, exist_ok=True)
                _replace(path, note)
        except OSError as error:
            raise NotCopied(error.strerror or "not written") from None

    def newest(self) -> str | None:
        """The newest note, if there is one."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return (self._root / NEWEST).read_text()
        return None


class HttpCopies:
    """Copies by PUT under a URL; S3-compatible stores take it with a gateway or presigned prefix."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(timeout=5, headers=headers, follow_redirects=False, trust_env=False)

    def put(self, size: int, note: str) -> None:
        """PUT both objects."""
        for name in (f"checkpoints/{index_path(size)}", NEWEST):
            try:
                answer = self._client.put(
                    f"{self._url}/{name}", content=note.encode(), headers={"content-type": "text/plain; charset=utf-8"}
                )
            except httpx.HTTPError as error:
                raise NotCopied(type(error).__name__) from None
            if not answer.is_success:
                raise NotCopied(f"the store answered {answer.status_code}")

    def newest(self) -> str | None:
        """GET the newest object."""
        with contextlib.suppress(httpx.HTTPError, UnicodeDecodeError):
            answer = self._client.get(f"{self._url}/{NEWEST}")
            return answer.content.decode() if answer.status_code == 200 else None
        return None


def open_copies(place: str | None, token: str | None) -> Copies | None:
    """The place that TOKENTRAIL_CHECKPOINT_COPY names, None if it is not set."""
    if not place:
        return None
    if place.startswith(("http://", "https://")):
        return HttpCopies(place, token)
    return DirectoryCopies(Path(place))


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
