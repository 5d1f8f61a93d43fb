"""Model artefacts: plain JSON, signed, nothing in them that could run.

A pickle runs what it says when it is loaded; flattened trees are numbers, so JSON holds them whole. What
comes with the package is as trusted as the code beside it; any other artefact must carry an Ed25519
signature by a key that the operator names.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tokentrail.detect.facts import NAMES
from tokentrail.detect.forest import FEATURES, Forest
from tokentrail.detect.models import Combiner, Models
from tokentrail.detect.trees import Tree
from tokentrail.errors import ConfigError, NotFound

FORMAT = "tokentrail combiner 1"
FOREST = "tokentrail forest 1"
PARTS = ("feature", "threshold", "left", "right", "value")
DOMAIN = b"tokentrail model artefact\x00"
DIGITS = 7


def to_document(combiner: Combiner, about: dict[str, Any]) -> dict[str, Any]:
    """A combiner as JSON values. `about` says what it was trained and measured on."""
    return {
        "format": FORMAT,
        "version": combiner.version,
        "about": about,
        "names": list(combiner.names),
        "base": combiner.base,
        "trees": [
            [tree.feature, [_short(x) for x in tree.threshold], tree.left, tree.right,
             [_short(x) for x in tree.value]]
            for tree in combiner.trees
        ],
    }  # fmt: skip


def _short(number: float) -> float:
    """Enough digits to decide as before, and infinities as JSON can say them."""
    return max(-1e30, min(1e30, float(f"{number:.{DIGITS}g}")))


def from_document(document: Any) -> Combiner:
    """The inverse of to_document. Raises ConfigError for anything malformed."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ConfigError(f"the model artefact is not of the format {FORMAT!r}")
    unknown = set(document["names"]) - set(NAMES)
    if unknown:
        raise ConfigError(f"the model artefact needs facts that this version does not have: {', '.join(unknown)}")
    trees = [Tree(**dict(zip(PARTS, parts, strict=True))) for parts in document["trees"]]
    for tree in trees:
        _check(tree, len(document["names"]))
    return Combiner(trees, float(document["base"]), tuple(document["names"]), str(document["version"]))


def _check(tree: Tree, width: int) -> None:
    """Every walk ends: children stand after their parents, features exist."""
    size = len(tree.feature)
    if not size or any(len(getattr(tree, part)) != size for part in PARTS):
        raise ConfigError("the model artefact has a tree of uneven parts")
    for node, at in enumerate(tree.feature):
        ends = at < 0
        grows = node < tree.left[node] < size and node < tree.right[node] < size and at < width
        if not ends and not grows:
            raise ConfigError("the model artefact has a tree that does not end")


def sign(document: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The file of a signed artefact: one line of signature (base64), then the document."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return base64.b64encode(key.sign(DOMAIN + body)) + b"\n" + body


def forest_document(forest: Forest, version: str, about: dict[str, Any]) -> dict[str, Any]:
    """A forest as JSON values."""
    trees = [[t.feature, t.threshold, t.left, t.right, t.value] for t in forest.trees]
    return {"format": FOREST, "version": version, "about": about, "names": list(FEATURES), "scale": forest.scale,
            "steps": forest.steps, "trees": trees}  # fmt: skip


def _forest(document: dict[str, Any]) -> Forest:
    if tuple(document["names"]) != FEATURES:
        raise ConfigError("the forest was trained on other facts than this version has: train it again")
    trees = [Tree(**dict(zip(PARTS, parts, strict=True))) for parts in document["trees"]]
    for tree in trees:
        _check(tree, len(FEATURES))
    return Forest(trees, float(document["scale"]), [float(s) for s in document["steps"]])


def read_signed(path: Path, keys: list[Ed25519PublicKey]) -> tuple[Combiner | Forest, dict[str, Any]]:
    """Load a signed artefact. Raises NotFound, or ConfigError if no key has signed exactly these bytes."""
    try:
        signature, _, body = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise NotFound(f"cannot read the model artefact {path}: {error.strerror}") from error
    if not any(_verifies(key, signature, body) for key in keys):
        raise ConfigError(f"the model artefact {path} is not signed by a key that is trusted for models")
    document = json.loads(body)
    made = _forest(document) if document.get("format") == FOREST else from_document(document)
    return made, {"version": document["version"], **document["about"]}


def _verifies(key: Ed25519PublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), DOMAIN + body)
    except (InvalidSignature, ValueError):
        return False
    return True


@cache
def _shipped() -> Combiner | None:
    file = files("tokentrail.detect") / "combiner.json"
    if not file.is_file():
        return None
    return from_document(json.loads(file.read_text(encoding="utf-8")))


def bundled() -> Models:
    """The models that come with the package; a forest is trained on the stream itself."""
    return Models(combiner=_shipped())
