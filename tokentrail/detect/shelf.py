"""The shelf of trained models: signed files, one current of each kind, and a way back.

<state dir>/models/<kind>-<version>.model are artefacts; <kind>.current names the one in use and the ones
before it, newest first. Changing that file is all that putting a model in use, or back, takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tokentrail.detect import artefacts
from tokentrail.detect.forest import Forest
from tokentrail.detect.models import Models
from tokentrail.errors import ConfigError, NotFound

KINDS = ("forest", "combiner")
HISTORY = 20


class Shelf:
    """Signed models of one state directory. The key that signs commands signs models, under another domain."""

    def __init__(self, place: Path, key: Ed25519PrivateKey | None) -> None:
        self.place = place
        self._key = key

    def put(self, kind: str, document: dict[str, Any]) -> Path:
        """Sign and store an artefact; it is not in use yet. Raises ConfigError without a key."""
        if self._key is None:
            raise ConfigError("models are signed: set TOKENTRAIL_COMMAND_KEY")
        self.place.mkdir(parents=True, exist_ok=True)
        path = self.place / f"{kind}-{document['version']}.model"
        path.write_bytes(artefacts.sign(document, self._key))
        return path

    def use(self, kind: str, version: str) -> None:
        """Put a stored model in use. Raises NotFound or ConfigError if it is missing or not signed by us."""
        self.load(kind, version)
        self._write(kind, [version, *[v for v in self.history(kind) if v != version]])

    def back(self, kind: str) -> str | None:
        """Return to the model before the current one; None is what the package ships."""
        history = self.history(kind)
        if not history:
            raise NotFound(f"no {kind} of our own is in use: nothing to go back from")
        self._write(kind, history[1:])
        return history[1] if len(history) > 1 else None

    def history(self, kind: str) -> list[str]:
        """Versions in use now and before, newest first."""
        try:
            return [str(v) for v in json.loads((self.place / f"{kind}.current").read_text())]
        except (OSError, ValueError):
            return []

    def load(self, kind: str, version: str) -> tuple[Any, dict[str, Any]]:
        """(model, what is known of it). Raises NotFound, or ConfigError if the signature does not hold."""
        if self._key is None:
            raise ConfigError("models are signed: set TOKENTRAIL_COMMAND_KEY to check them")
        path = self.place / f"{kind}-{version}.model"
        return artefacts.read_signed(path, [self._key.public_key()])

    def stamp(self) -> tuple[float, ...]:
        """Changes whenever another model is put in use."""
        return tuple(_changed(self.place / f"{kind}.current") for kind in KINDS)

    def models(self) -> Models:
        """What is in use: ours where there is one and its signature holds, else what the package ships."""
        found = artefacts.bundled()
        for kind in KINDS:
            history = self.history(kind)
            if not history:
                continue
            model, _ = self.load(kind, history[0])
            if isinstance(model, Forest):
                found.forest, found.fixed = model, True
            else:
                found.combiner = model
        return found

    def _write(self, kind: str, history: list[str]) -> None:
        path = self.place / f"{kind}.current"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(history[:HISTORY]))
        fresh.replace(path)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
