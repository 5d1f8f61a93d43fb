"""Disarm text from outside before a terminal or a spreadsheet reads it."""

from __future__ import annotations

from typing import Any

# OWASP ASVS 5.0 1.2.10: cells that begin with these are formulas to a spreadsheet.
FORMULA_LEADS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def printable(value: Any) -> str:
    """Text for a terminal: control and direction characters become escapes (ASVS 16.4.1)."""
    if value is None:
        return ""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def csv_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula. Plain numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    return "'" + printable(text) if text.startswith(FORMULA_LEADS) else printable(text)
