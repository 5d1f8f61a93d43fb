"""Model artefacts: what is shipped with the package."""

from __future__ import annotations

from tokentrail.detect.models import Models


def bundled() -> Models:
    """The models that come with the package."""
    return Models()
