"""Print ledger entries as a table, JSON lines or CSV; text from outside is disarmed first."""

from __future__ import annotations

import csv
import json
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tokentrail.ledger.export import csv_cell, printable
from tokentrail.ledger.search import Found

TABLE = ("index", "kafka_time", "type", "subject", "client_id", "jti", "ip", "country")


def print_entries(entries: list[Found], format_: str) -> None:
    """Write entries to stdout in the format asked for."""
    if format_ == "jsonl":
        for entry in entries:
            sys.stdout.write(json.dumps(entry.as_dict()) + "\n")
    elif format_ == "csv":
        _csv(entries)
    else:
        _table(entries)


def _csv(entries: list[Found]) -> None:
    writer = csv.writer(sys.stdout)
    names = list(Found.CSV_FIELDS)
    writer.writerow(names)
    for entry in entries:
        flat = entry.flat()
        writer.writerow([csv_cell(flat.get(name)) for name in names])


def _table(entries: list[Found]) -> None:
    table = Table(*TABLE, box=None, header_style="bold")
    for entry in entries:
        flat = entry.flat()
        table.add_row(*(Text(printable(flat.get(name))) for name in TABLE))
    Console().print(table)
    Console(stderr=True).print(f"{len(entries)} entries")
