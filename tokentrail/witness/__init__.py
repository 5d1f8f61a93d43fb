"""A small C2SP witness (c2sp.org/tlog-witness), to be run by somebody else than the log, elsewhere."""

from tokentrail.witness.app import build
from tokentrail.witness.protocol import Answer, Witness
from tokentrail.witness.state import State

__all__ = ["Answer", "State", "Witness", "build"]
