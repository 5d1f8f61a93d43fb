"""The models the engine scores with: the combiner shipped or trained, and the forest of this stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp

from tokentrail.detect.facts import NAMES
from tokentrail.detect.forest import Forest
from tokentrail.detect.trees import Tree, total

MAX_MEMO = 100_000


@dataclass(slots=True)
class Combiner:
    """A boosted combiner of facts: logit = base + trees. `names` are the facts it was trained on, in order."""

    trees: list[Tree]
    base: float
    names: tuple[str, ...]
    version: str
    pick: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.pick = tuple(NAMES.index(name) for name in self.names)

    def probability(self, row: tuple[float, ...]) -> float:
        """Risk of one fact row, 0..1."""
        return 1.0 / (1.0 + exp(-self.base - total(self.trees, tuple([row[i] for i in self.pick]))))


@dataclass(slots=True)
class Models:
    """Both may be missing: rules and baseline then stand alone (cold start, or an artefact refused)."""

    combiner: Combiner | None = None
    forest: Forest | None = None
    memo: dict[tuple[float, ...], tuple[float, float]] = field(default_factory=dict)

    def judge(self, row: tuple[float, ...]) -> tuple[float, float]:
        """(combiner probability, forest rank); -1 for a model that is missing. Equal rows are judged once."""
        found = self.memo.get(row)
        if found is None:
            found = (
                self.combiner.probability(row) if self.combiner is not None else -1.0,
                self.forest.rank(row) if self.forest is not None else -1.0,
            )
            if len(self.memo) >= MAX_MEMO:
                self.memo.clear()
            self.memo[row] = found
        return found

    @property
    def version(self) -> str:
        """What alerts record of the models."""
        return (self.combiner.version if self.combiner else "rules") + ("+forest" if self.forest else "")
