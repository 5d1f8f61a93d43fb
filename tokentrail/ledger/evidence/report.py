"""The report for people: one page of what was asked and what that proves, then the entries."""

from __future__ import annotations

import json
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst
from jinja2 import DictLoader, Environment, StrictUndefined

from tokentrail.ledger.export import printable
from tokentrail.ledger.search import Found

COLUMNS = ("index", "kafka_time", "type", "subject", "client_id", "jti", "ip", "country", "body")
# A report of more rows is not read by anybody; entries.csv and entries.jsonl hold them all.
MAX_ROWS = 500


def html_report(asked: dict[str, Any], found: list[Found], note: str) -> str:
    """HTML that needs nothing from elsewhere; text from outside is escaped."""
    environment = Environment(
        loader=DictLoader({"report.html": _template("report.html.j2")}), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html").render(**_said(asked, found, note))


def pdf_report(asked: dict[str, Any], found: list[Found], note: str) -> bytes:
    """The same as PDF. The values reach the typesetter as data, never as markup."""
    with tempfile.TemporaryDirectory(prefix="tokentrail-") as folder:
        place = Path(folder)
        (place / "data.json").write_text(json.dumps(_said(asked, found, note)))
        (place / "report.typ").write_text(_template("report.typ"))
        made = typst.compile(str(place / "report.typ"), root=folder, format="pdf")
    if not isinstance(made, bytes):
        raise TypeError("typst gives one PDF as bytes")
    return made


def _said(asked: dict[str, Any], found: list[Found], note: str) -> dict[str, Any]:
    rows = []
    for one in found[:MAX_ROWS]:
        flat = one.flat()
        rows.append([printable(flat.get(name)) for name in COLUMNS])
    return {
        "asked": {**asked, "reader": asked["reader"] or "", "purpose": asked["purpose"] or ""},
        "query": [[name, printable(value)] for name, value in asked["query"].items()],
        "columns": list(COLUMNS),
        "rows": rows,
        "left_out": max(0, len(found) - MAX_ROWS),
        "opened": sum(one.body == "open" for one in found),
        "note": note,
    }


def _template(name: str) -> str:
    return files("tokentrail.ledger.evidence").joinpath("templates", name).read_text()
