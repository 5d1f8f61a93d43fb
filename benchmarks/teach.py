"""Train the combiner that the package ships, from simulated worlds, and write its artefact.

`python -m benchmarks.teach --out tokentrail/detect/combiner.json`. Half an hour on two cores. The facts of
each world are gathered by the engine with the combiner of the round before (suspicion is one of the facts).
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams import invented, score, varied
from tokentrail.detect.artefacts import bundled, to_document
from tokentrail.detect.training import fit, flatten, weights

INVENTED = range(100, 145)
SIMULATED = range(200, 208)
SIZES = (60_000, 100_000, 60_000, 160_000)
BENIGN = 0.35  # share of benign rows that are kept; their weight makes up for the rest

Learned = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]


def lesson(spec: tuple[str, int]) -> Learned:
    """Facts, truth and weights of one world, benign rows thinned."""
    kind, seed = spec
    stream = invented(seed, SIZES[seed % 4]) if kind == "invented" else varied(seed)
    result = score(stream, bundled(), keep=True)
    assert result.facts is not None  # noqa: S101 - kept
    incident = result.scored.incident
    bad = incident >= 0
    weight = weights(bad, incident)
    keep = result.usable & (bad | (np.random.default_rng(seed).random(len(bad)) < BENIGN))
    return result.facts[keep], bad[keep], np.where(bad, weight, weight / BENIGN)[keep]


def main(arguments: list[str] | None = None) -> int:
    """Gather, fit, write."""
    parser = argparse.ArgumentParser(prog="teach", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args(arguments)
    specs = [("invented", s) for s in INVENTED] + [("simulated", s) for s in SIMULATED]
    for number in range(options.rounds):
        with ProcessPoolExecutor(2) as pool:
            lessons = list(pool.map(lesson, specs))
        rows, bad, weight = (np.concatenate(part) for part in zip(*lessons, strict=True))
        model = fit(rows, bad, weight)
        about = {
            "data": f"invented worlds {INVENTED.start}-{INVENTED.stop - 1}, simulated {SIMULATED.start}-"
                    f"{SIMULATED.stop - 1}",
            "rows": len(bad), "attack_rows": int(bad.sum()), "code": version("tokentrail"), "round": number + 1,
        }  # fmt: skip
        document = to_document(flatten(model, f"worlds-{len(bad)}"), about)
        options.out.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
