"""Any tlog client can follow the log over HTTP, without logging in, as far as it is signed."""

from __future__ import annotations

import base64
import hashlib

import httpx
import pytest

from tests.integration.checkpoint.conftest import Grow, stored
from tests.integration.checkpoint.test_tiles import expected
from tests.integration.web.conftest import ENTRIES, TOKEN, Serve
from tokentrail.db import connect
from tokentrail.verifier.merkle import check_inclusion
from tokentrail.verifier.notes import VKey, open_checkpoint, parse_checkpoint


def test_every_resource_byte_for_byte(serve_web: Serve) -> None:
    served = serve_web(TOKEN)
    with connect(served.settings, "reader", autocommit=True) as conn:
        leaves = [bytes(row[0]) for row in conn.execute("select leaf from ledger.entry order by index")]
    row = stored(served.settings)[0]
    with httpx.Client(base_url=served.url) as client:
        note = client.get("/checkpoint")
        assert note.headers["content-type"] == "text/plain; charset=utf-8"
        assert open_checkpoint(note.content, VKey.parse(row.vkey)).size == len(leaves) == ENTRIES + 1
        for path, content in expected(leaves).items():
            for encoding in ("identity", "gzip"):
                answer = client.get(f"/{path}", headers={"accept-encoding": encoding})
                assert (answer.status_code, answer.content) == (200, content), path
                assert answer.headers["content-type"] == "application/octet-stream"
                assert "immutable" in answer.headers["cache-control"]
                zipped = encoding == "gzip" and path.startswith("tile/entries")
                assert (answer.headers.get("content-encoding") == "gzip") == zipped


def test_a_proof_and_its_leaf_hold_offline(serve_web: Serve) -> None:
    served = serve_web(TOKEN)
    with httpx.Client(base_url=served.url) as client:
        for index in (0, 255, 256, ENTRIES):
            text = client.get(f"/entries/{index}/proof").text
            head, _, note = text.partition("\n\n")
            lines = head.split("\n")
            assert lines[:2] == ["c2sp.org/tlog-proof@v1", f"index {index}"]
            checkpoint = parse_checkpoint(note)
            leaf = client.get(f"/entries/{index}/leaf").content
            hashes = [base64.b64decode(line, validate=True) for line in lines[2:]]
            assert check_inclusion(
                hashlib.sha256(b"\x00" + leaf).digest(), index, checkpoint.size, hashes, checkpoint.root
            )


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001.p/46",
        "tile/0/002",
        "tile/0/001",
        "tile/entries/001.p/46",
        "tile/1/000",
        "tile/1/000.p/2",
        "tile/0/000.p/0",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/0",
        "tile/../checkpoint.txt",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "entries/301/proof",
        "entries/301/leaf",
        "checkpoints/12",
        "checkpoints/99999999999999999999999",
    ],
)
def test_what_is_not_there_is_not_found(path: str, serve_web: Serve) -> None:
    assert httpx.get(f"{serve_web().url}/{path}").status_code == 404


def test_what_is_not_signed_is_not_shown(serve_web: Serve, grow: Grow, stop_all: object) -> None:
    served = serve_web()
    assert callable(stop_all)
    stop_all()
    grow(5)
    for path in ("tile/0/001.p/46", "tile/entries/001.p/50", "entries/303/proof", "entries/303/leaf"):
        assert httpx.get(f"{served.url}/{path}").status_code == 404
    assert httpx.get(f"{served.url}/tile/0/001.p/45").status_code == 200
