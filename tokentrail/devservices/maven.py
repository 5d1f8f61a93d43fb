"""Files of `artifacts.lock` by way of the Maven cache (~/.m2) that every Java tool shares.

jgo knows the cache, the repositories (its own configuration file may name mirrors) and the names of files.
The transfer is ours: a file gets its name only when its SHA-256 is the locked one, since jgo itself merely
warns of a wrong checksum and leaves half a file behind when it is interrupted.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jgo.config import GlobalSettings
from jgo.maven import MavenContext
from jgo.util import http

from tokentrail.devservices.artifacts import Locked
from tokentrail.devservices.progress import Count, Progress
from tokentrail.errors import NotConnected

ATTEMPTS = 3
CHUNK = 1 << 18


def fetch(name: str, wanted: Sequence[Locked], progress: Progress) -> list[Path]:
    """Local paths of the files, downloading those that the Maven cache has not, or has wrong."""
    chosen = GlobalSettings.load()
    own = {key: str(url).rstrip("/") for key, url in (chosen.repositories or {}).items()}
    context = MavenContext(repo_cache=chosen.repo_cache)
    context.remote_repos = own | {k: v for k, v in context.remote_repos.items() if k not in own}
    artifacts = [(item, _artifact(context, item)) for item in wanted]
    missing = [(item, artifact) for item, artifact in artifacts if not _good(artifact.cached_path, item)]
    if missing:
        total = sum(item.size for item, _ in missing)
        with progress.download(name, total) as count, ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda pair: _download(pair[0], pair[1], count), missing))
    return [Path(artifact.cached_path) for _, artifact in artifacts]


def _artifact(context: Any, item: Locked) -> Any:
    """The jgo artifact of a locked coordinate."""
    group, artifact, packaging, *classifier, version = item.coordinate.split(":")
    component = context.project(group, artifact).at_version(version)
    return component.artifact(classifier=classifier[0] if classifier else "", packaging=packaging)


def _good(path: Path, item: Locked) -> bool:
    return path.is_file() and path.stat().st_size == item.size and _sha256(path) == item.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(item: Locked, artifact: Any, count: Count) -> None:
    """From the first repository that has it; a broken transfer is tried again with growing pauses."""
    count(0)  # raises when nobody waits any more
    why = "no repository is configured"
    for attempt in range(ATTEMPTS):
        time.sleep(attempt**2)
        for base in artifact.context.remote_repos.values():
            url = f"{base}/{artifact.component.path_prefix.as_posix()}/{artifact.filename}"
            reason = _transfer(url, Path(artifact.cached_path), item, count)
            if reason is None:
                return
            why = f"{urlsplit(base).hostname}: {reason}"
    raise NotConnected(
        f"{item.coordinate} could not be downloaded from {why}. The first start needs this network once "
        "(later ones work offline); a mirror can be named under [repositories] in ~/.config/jgo.conf"
    )


def _transfer(url: str, target: Path, item: Locked, count: Count) -> str | None:
    """Download to a draft, check it, rename it. Returns why it did not work, None when it did."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft_name = tempfile.mkstemp(prefix=".download-", dir=target.parent)
    draft, got, digest = Path(draft_name), 0, hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file, http.get(url, stream=True, timeout=(10, 20)) as response:
            if response.status_code != 200:
                return f"HTTP {response.status_code}"
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                got += len(chunk)
                count(len(chunk))
        if digest.hexdigest() != item.sha256:
            return f"{got} bytes came that do not match the recorded SHA-256"
        draft.chmod(0o644)
        draft.replace(target)
    except OSError as error:  # of the network (all of requests' errors are such) or of the disk
        return _short(error)
    else:
        return None
    finally:
        draft.unlink(missing_ok=True)
        if not target.exists():
            count(-got)


def _short(error: Exception) -> str:
    """The innermost reason of a chain of connection errors, as one short line."""
    inner: BaseException = error
    while (following := inner.__cause__ or inner.__context__) is not None:
        inner = following
    return f"{type(inner).__name__}: {inner}".split("\n", 1)[0][:160]
