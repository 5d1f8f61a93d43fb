"""Recheck the ledger. Shares no code with the writing side: it knows the public formats and reads the tables."""

from tokentrail.verifier.report import Problem, Report
from tokentrail.verifier.verify import verify

__all__ = ["Problem", "Report", "verify"]
