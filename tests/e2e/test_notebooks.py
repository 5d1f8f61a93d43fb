"""The notebooks run from top to bottom on a ledger that a demonstration left."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Day

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["day.ipynb"])
def test_notebook_runs(day: Day, name: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake", str(NOTEBOOKS / name)],
        env={**day.environment, "MPLBACKEND": "Agg"},
        cwd=NOTEBOOKS.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_outputs_are_stripped(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
