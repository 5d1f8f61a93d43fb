"""The figures' arithmetic, and what counts as a loop that held."""

from dataclasses import replace

import pytest

from tokentrail.cli.demo.figures import Figures, percentile

GOOD = Figures(
    seconds=60.04,
    events_published=3,
    entries=3,
    verify_ok=True,
    commands=1,
    acknowledged=1,
    enforced_ms=[12.34],
    revoked_token_refused=True,
    tamper_detected=True,
    restored_ok=True,
)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([5.0], 99, 5.0), ([3.0, 1.0, 2.0], 50, 2.0), ([float(n) for n in range(1, 101)], 99, 99.0)],
)
def test_percentile_is_nearest_rank(values: list[float], percent: float, expected: float | None) -> None:
    assert percentile(values, percent) == expected


def test_a_loop_that_held() -> None:
    assert GOOD.held
    assert GOOD.contract()["enforced_ms"] == {"p50": 12.3, "p99": 12.3}
    assert GOOD.contract()["seconds"] == 60.0


@pytest.mark.parametrize(
    "broken",
    [
        {"entries": 2},
        {"missing": 1},
        {"verify_ok": False},
        {"commands": 0, "acknowledged": 0},
        {"acknowledged": 0},
        {"revoked_token_refused": False},
        {"tamper_detected": False},
        {"restored_ok": False},
    ],
)
def test_one_broken_part_is_enough(broken: dict[str, int]) -> None:
    assert not replace(GOOD, **broken).held  # type: ignore[arg-type]
