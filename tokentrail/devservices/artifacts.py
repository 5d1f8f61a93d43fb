"""The jars of Kafka and the registry: found in the Maven cache or downloaded, checked, kept ready to run.

`artifacts.lock` names every file with its SHA-256 and size.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tokentrail.devservices.progress import Progress
from tokentrail.errors import TokentrailError

ROOT_CACHE = "/var/cache"
REGISTRY = "io.apicurio:apicurio-registry-app:"


@dataclass(frozen=True)
class Locked:
    """One line of the lock: group:artifact:packaging[:classifier]:version, SHA-256 in hex, size in bytes."""

    coordinate: str
    sha256: str
    size: int


def locked() -> list[Locked]:
    """All files of the lock, in its order."""
    lines = (files("tokentrail.devservices") / "artifacts.lock").read_text().splitlines()
    fields = (line.split() for line in lines if line)
    return [Locked(coordinate, digest, int(size)) for coordinate, digest, size in fields]


def cache_dir() -> Path:
    """Where programs are kept ready: XDG_CACHE_HOME, else /var/cache for root, ~/.cache for others."""
    base = os.environ.get("XDG_CACHE_HOME")
    if not base:
        base = ROOT_CACHE if os.geteuid() == 0 else str(Path.home() / ".cache")
    return Path(base) / "tokentrail"


def kafka_jars(progress: Progress) -> Path:
    """A directory with exactly the locked jars of Kafka."""
    wanted = [item for item in locked() if not item.coordinate.startswith(REGISTRY)]
    return _ready("kafka", wanted, progress, _link_all)


def registry_home(progress: Progress) -> Path:
    """The unpacked registry: the directory that holds quarkus-run.jar."""
    wanted = [item for item in locked() if item.coordinate.startswith(REGISTRY)]
    return _ready("registry", wanted, progress, _unpack)


def _ready(
    name: str, wanted: Sequence[Locked], progress: Progress, build: Callable[[Sequence[Path], Path], None]
) -> Path:
    """The finished directory, built beside its place and renamed: what is there is whole and was checked."""
    digest = hashlib.sha256("".join(item.sha256 for item in wanted).encode()).hexdigest()[:12]
    place = cache_dir() / f"{name}-{digest}"
    if place.is_dir():
        return place
    from tokentrail.devservices import maven  # noqa: PLC0415 - a slow import, needed once in a cache's life

    paths = maven.fetch(name, wanted, progress)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place.parent))
        try:
            build(paths, draft)
            draft.chmod(0o755)
            draft.rename(place)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            if not place.is_dir():  # another process may have been quicker: its work is as good
                raise
    except OSError as error:
        raise TokentrailError(f"{name} cannot be unpacked into {place.parent}: {error.strerror}") from None
    return place


def _link_all(paths: Sequence[Path], target: Path) -> None:
    for path in paths:
        try:
            os.link(path, target / path.name)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(path, target / path.name)


def _unpack(paths: Sequence[Path], target: Path) -> None:
    """Unpack the archive. Its SHA-256 is in the lock, so what it holds is known to be well meant."""
    guard: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    for path in paths:
        with tarfile.open(path) as archive:
            archive.extractall(target, **guard)  # noqa: S202 - see above
