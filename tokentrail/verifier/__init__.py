"""Recheck the ledger. Shares no code with the writing side: it knows the public formats and reads the tables."""

from tokentrail.verifier.heads import Trust
from tokentrail.verifier.report import Problem, Report
from tokentrail.verifier.verify import Options, verify

__all__ = ["Options", "Problem", "Report", "Trust", "verify"]
