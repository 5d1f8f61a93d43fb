"""An IsolationForest (scikit-learn) over the facts, flattened, and its score as a rank among ordinary events."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from tokentrail.detect.facts import NAMES
from tokentrail.detect.trees import Tree, total

EULER = 0.5772156649015329
FEATURES = (
    "history", "rest", "hour", "new_ip", "new_asn", "new_country", "new_agent", "new_system", "new_device",
    "unfamiliar", "freeman_net", "freeman_agent", "rare_asn", "rare_agent", "homes", "km", "speed",
    "fails_1h", "foreign_24h", "src_slow", "src_victims", "bind_asn", "bind_agent", "spread", "uses_pace",
    "uses_level", "issues_pace", "new_client",
)  # fmt: skip
PICK = tuple(NAMES.index(name) for name in FEATURES)
STEPS = 200


def average_path(n: float) -> float:
    """c(n): the mean path of an unsuccessful search in a binary tree of n (Liu et al., 2008)."""
    if n <= 1:
        return 0.0
    return 1.0 if n == 2 else 2.0 * (log(n - 1.0) + EULER) - 2.0 * (n - 1.0) / n


@dataclass(slots=True)
class Forest:
    """Flattened trees; `steps` are quantiles of the training rows' scores, for the rank."""

    trees: list[Tree]
    scale: float
    steps: list[float]

    def anomaly(self, row: tuple[float, ...]) -> float:
        """The anomaly score of Liu et al., 0..1; equal to -score_samples of scikit-learn."""
        depth = total(self.trees, tuple([row[i] for i in PICK]))
        return float(2.0 ** (-depth / self.scale))

    def rank(self, row: tuple[float, ...]) -> float:
        """Share of the training rows that are less anomalous, 0..1."""
        return bisect_left(self.steps, self.anomaly(row)) / len(self.steps)


def flatten(model: Any, rows: Any) -> Forest:
    """Flatten a fitted IsolationForest; `rows` (n, len(FEATURES)) gives the quantiles."""
    trees = []
    for estimator in model.estimators_:
        t = estimator.tree_
        depth = np.asarray(estimator.tree_.compute_node_depths(), dtype=float) - 1.0
        value = [float(d + average_path(float(n))) for d, n in zip(depth, t.n_node_samples, strict=True)]
        trees.append(
            Tree(
                [int(f) if f >= 0 else -1 for f in t.feature],
                [float(x) for x in t.threshold],
                [int(x) for x in t.children_left],
                [int(x) for x in t.children_right],
                value,
            )
        )
    scale = len(trees) * average_path(float(model.max_samples_))
    forest = Forest(trees, scale, [])
    scores = -model.score_samples(rows)
    forest.steps = [float(q) for q in np.quantile(scores, np.linspace(0.0, 1.0, STEPS))]
    return forest


def train(rows: list[tuple[float, ...]], seed: int = 7, trees: int = 40) -> Forest:
    """Fit on full fact rows (unlabelled) and flatten. Rows must number at least 64."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - a second to import

    # Thresholds are compared in float32 by scikit-learn: the flattened walk gets the same numbers.
    data = np.asarray(rows, dtype=np.float32)[:, PICK]
    model = IsolationForest(n_estimators=trees, max_samples=min(512, len(rows)), random_state=seed, n_jobs=1)
    model.fit(data)
    return flatten(model, data)
