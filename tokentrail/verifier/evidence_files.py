"""The files of an evidence pack, read with care: a pack comes from who knows where."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokentrail.errors import TokentrailError

REQUIRED = (
    "checkpoint.txt", "entries.csv", "entries.jsonl", "leaves.bin", "query.json", "range-proof.json", "report.html",
    "report.pdf", "schemas.jsonl", "vkey.txt",
)  # fmt: skip
MANIFEST = "manifest.json"
MAX_BYTES = 4 << 30
MAX_LINE = 64 << 20


class PackFiles:
    """A pack's zip. Nothing is extracted; sizes are bounded. Raises TokentrailError if it is no pack at all."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise TokentrailError(f"{path} is not an evidence pack: {error}") from None
        if MANIFEST not in self._zip.namelist():
            raise TokentrailError(f"{path} is not an evidence pack: it has no {MANIFEST}")
        if sum(info.file_size for info in self._zip.infolist()) > MAX_BYTES:
            raise TokentrailError(f"{path} unpacks to more than {MAX_BYTES >> 30} GiB: refused")

    def close(self) -> None:
        """Close the zip."""
        self._zip.close()

    def manifest(self) -> tuple[str, list[str]]:
        """SHA-256 of the manifest, hex, and what does not agree with it, in words."""
        raw = self._zip.read(MANIFEST)
        problems = []
        try:
            said = json.loads(raw)["files"]
            listed = {str(name): str(digest) for name, digest in said.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return hashlib.sha256(raw).hexdigest(), ["manifest.json cannot be read"]
        names = self._zip.namelist()
        problems += [f"{name} is in the pack twice" for name in sorted({n for n in names if names.count(n) > 1})]
        problems += [f"{name} is not in the manifest" for name in sorted(set(names) - set(listed) - {MANIFEST})]
        for name in sorted(set(listed) | set(REQUIRED)):
            if name not in names:
                problems.append(f"{name} is missing")
            elif name not in listed:
                continue
            elif self._hash(name) != listed[name]:
                problems.append(f"{name} is not the file that the manifest lists")
        return hashlib.sha256(raw).hexdigest(), problems

    def _hash(self, name: str) -> str | None:
        digest = hashlib.sha256()
        try:
            with self._zip.open(name) as handle:
                while block := handle.read(1 << 20):
                    digest.update(block)
        except zipfile.BadZipFile:  # the zip's own checksum
            return None
        return digest.hexdigest()

    def read(self, name: str) -> bytes:
        """A whole file. Raises ValueError if it is missing or damaged."""
        try:
            return self._zip.read(name)
        except (KeyError, zipfile.BadZipFile):
            raise ValueError(f"{name} is missing or damaged") from None

    def json(self, name: str) -> dict[str, Any]:
        """A JSON object. Raises ValueError."""
        value = json.loads(self.read(name))
        if not isinstance(value, dict):
            raise ValueError(f"{name} is not a JSON object")  # noqa: TRY004 - one kind of error for a file that is wrong
        return value

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """JSON objects, one a line. Raises ValueError."""
        for line in io.BytesIO(self.read(name)):
            value = json.loads(line)
            if not isinstance(value, dict):
                raise ValueError(f"{name} has a line that is not a JSON object")  # noqa: TRY004
            yield value

    def leaves(self) -> Iterator[bytes]:
        """The leaves of the range: u16 length and bytes each. Raises ValueError where it is cut short."""
        try:
            with self._zip.open("leaves.bin") as handle:
                while prefix := handle.read(2):
                    length = int.from_bytes(prefix, "big")
                    leaf = handle.read(length)
                    if len(prefix) < 2 or len(leaf) < length:
                        raise ValueError("leaves.bin is cut short")
                    yield leaf
        except (KeyError, zipfile.BadZipFile):
            raise ValueError("leaves.bin is missing or damaged") from None
