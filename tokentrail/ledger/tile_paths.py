"""Paths of c2sp.org/tlog-tiles: which tiles a tree has and where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tokentrail.ledger.tree import TILE_WIDTH

MAX_LEVEL = 63
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<n>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class TileRef:
    """A tile or, at level -1, an entry bundle; `width` is 256 for a full one."""

    level: int
    n: int
    width: int

    @property
    def path(self) -> str:
        """Its path below the log's prefix."""
        level = "entries" if self.level < 0 else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{index_path(self.n)}{partial}"

    @property
    def tree_size(self) -> int:
        """The size a tree needs at least to have this tile at this width."""
        return (self.n * TILE_WIDTH + self.width) << (8 * max(self.level, 0))


def index_path(n: int) -> str:
    """1234067 becomes x001/x234/067."""
    parts = [f"{n % 1000:03d}"]
    while n := n // 1000:
        parts.append(f"x{n % 1000:03d}")
    return "/".join(reversed(parts))


def parse_path(path: str) -> TileRef | None:
    """The tile that a path names, None for anything that is not exactly one tile's path."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level = -1 if found["level"] == "entries" else int(found["level"])
    n = int(found["n"].replace("x", "").replace("/", ""))
    width = int(found["width"] or TILE_WIDTH)
    ref = TileRef(level, n, width)
    if level > MAX_LEVEL or (found["width"] and width >= TILE_WIDTH) or ref.path != path:
        return None
    return ref


def tiles_of(size: int, after: int = 0) -> Iterator[TileRef]:
    """The tiles and entry bundles of a tree of `size` that one of `after` entries did not have, partial ones last."""
    for level in range(-1, MAX_LEVEL + 1):
        height = 8 * max(level, 0)
        full, width = divmod(size >> height, TILE_WIDTH)
        for n in range((after >> height) // TILE_WIDTH, full):
            yield TileRef(level, n, TILE_WIDTH)
        if width:
            yield TileRef(level, full, width)
        if level >= 0 and not size >> height:
            return
