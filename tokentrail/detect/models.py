"""The models the engine scores with: the combiner shipped or trained, and the forest of this stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp
from operator import itemgetter

from tokentrail.detect.facts import NAMES
from tokentrail.detect.forest import Forest
from tokentrail.detect.trees import Tree, compiled


@dataclass(slots=True)
class Combiner:
    """A boosted combiner of facts: logit = base + trees. `names` are the facts it was trained on, in order."""

    trees: list[Tree]
    base: float
    names: tuple[str, ...]
    version: str
    _pick: Callable[[tuple[float, ...]], tuple[float, ...]] = field(init=False)
    _logit: Callable[[tuple[float, ...]], float] = field(init=False)

    def __post_init__(self) -> None:
        self._pick = itemgetter(*[NAMES.index(name) for name in self.names])
        self._logit = compiled(self.trees, self.base, len(self.names))

    def probability(self, row: tuple[float, ...]) -> float:
        """Risk of one fact row, 0..1."""
        return 1.0 / (1.0 + exp(-self._logit(self._pick(row))))


@dataclass(slots=True)
class Models:
    """Both may be missing: rules and baseline then stand alone (cold start, or an artefact refused)."""

    combiner: Combiner | None = None
    forest: Forest | None = None
    fixed: bool = False  # the forest was trained and signed by the operator: the stream does not replace it

    def judge(self, row: tuple[float, ...], strange: bool) -> tuple[float, float]:
        """(combiner probability, forest rank), -1 where there is none; the forest is asked of the strange only."""
        return (
            self.combiner.probability(row) if self.combiner is not None else -1.0,
            self.forest.rank(row) if strange and self.forest is not None else -1.0,
        )

    @property
    def version(self) -> str:
        """What alerts record of the models."""
        return (self.combiner.version if self.combiner else "rules") + ("+forest" if self.forest else "")
