"""Training the combiner: boosted trees over facts, held to what a fact can mean.

Most facts may only raise the risk (monotone constraints): a model that learned from invented worlds
must not discover that a new country is a good sign because nobody there happened to be attacked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokentrail.detect.facts import NAMES
from tokentrail.detect.models import Combiner
from tokentrail.detect.trees import from_boosting

FREE = frozenset(
    ("fail", "login", "mfa", "issue", "refresh", "use", "history", "homes", "homes_asn", "service", "src_calm",
     "hub", "hour", "rare_country", "rare_agent", "rare_asn", "rest", "fails_10m", "fails_1h", "fails_24h",
     "refused_24h", "uses_level", "issues_level", "switches", "gen_gap", "asn_spread", "token_age", "asn_wins",
     "agent_wins")
)  # fmt: skip
LOWER = frozenset(("homes", "src_calm", "hub"))
UNUSED = frozenset(("service",))
USED = tuple(name for name in NAMES if name not in UNUSED)


def constraints() -> list[int]:
    """1 may only raise the risk, -1 may only lower it, 0 free, in the order of USED."""
    return [-1 if name in LOWER else 0 if name in FREE else 1 for name in USED]


def fit(
    rows: NDArray[np.float32], bad: NDArray[np.bool_], weight: NDArray[np.float64], *, seed: int = 1,
    trees: int = 120, leaves: int = 16,
) -> Any:  # fmt: skip
    """A HistGradientBoostingClassifier on the USED columns of full fact rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - a second to import

    pick = [NAMES.index(name) for name in USED]
    model = HistGradientBoostingClassifier(
        max_iter=trees, learning_rate=0.1, max_leaf_nodes=leaves, min_samples_leaf=60, l2_regularization=2.0,
        max_bins=64, monotonic_cst=constraints(), early_stopping=False, random_state=seed,
    )  # fmt: skip
    return model.fit(rows[:, pick], bad, sample_weight=weight)


def flatten(model: Any, version: str) -> Combiner:
    """The fitted model as a combiner that scores one row at a time."""
    trees, base = from_boosting(model)
    return Combiner(trees, base, USED, version)


def weights(bad: NDArray[np.bool_], incident: NDArray[np.int64]) -> NDArray[np.float64]:
    """Every incident counts, not only the loud: an event weighs one over the root of its incident's size."""
    weight = np.ones(len(bad))
    for number in np.unique(incident[incident >= 0]):
        rows = incident == number
        weight[rows] = 3.0 / np.sqrt(rows.sum())
    return weight
