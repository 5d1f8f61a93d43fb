"""c2sp.org/tlog-proof@v1: one file that proves an entry offline, to any tool that knows the format."""

from __future__ import annotations

import base64

HEADER = "c2sp.org/tlog-proof@v1"


def tlog_proof(index: int, hashes: list[bytes], note: str) -> str:
    """The proof's text: header, index, inclusion proof, blank line, then the signed checkpoint as it is."""
    lines = [HEADER, f"index {index}", *base64_lines(hashes)]
    return "\n".join(lines) + "\n\n" + note


def base64_lines(hashes: list[bytes]) -> list[str]:
    """Hashes in standard base64 (RFC 4648 section 4)."""
    return [base64.b64encode(hash_).decode() for hash_ in hashes]
