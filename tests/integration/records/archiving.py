"""Archive or prune for real, and die by SIGKILL at one step. Run as a child process.

usage: python -m tests.integration.records.archiving (archive BEFORE | prune) STEP NTH

STEP is one that the run reports (see tokentrail/ledger/archive), NTH which passing of it.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime

from tokentrail.config import load_settings
from tokentrail.ledger.archive.prune import prune
from tokentrail.ledger.archive.run import archive_before


def main() -> None:
    """Run until the step, or to the end if it never comes."""
    *what, wanted, nth = sys.argv[1:]
    passed = 0

    def progress(step: str) -> None:
        nonlocal passed
        passed += step == wanted
        if step == wanted and passed == int(nth):
            os.kill(os.getpid(), signal.SIGKILL)

    if what[0] == "archive":
        archive_before(load_settings(), datetime.fromisoformat(what[1]), progress)
    else:
        prune(load_settings(), None, progress)


if __name__ == "__main__":
    main()
