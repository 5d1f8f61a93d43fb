"""Every detection, and which of them look at which type of event."""

from __future__ import annotations

from tokentrail.detect.detections import (
    novelty,
    operations,
    pace,
    places,
    protocol,
    reports,
    sessions,
    takeover,
    volume,
)
from tokentrail.detect.detections.base import Detection, Finding
from tokentrail.detect.observation import TYPES

ALL: tuple[Detection, ...] = (
    *protocol.DETECTIONS,
    *takeover.DETECTIONS,
    *volume.DETECTIONS,
    *sessions.DETECTIONS,
    *places.DETECTIONS,
    *novelty.DETECTIONS,
    *pace.DETECTIONS,
    *reports.DETECTIONS,
    *operations.DETECTIONS,
)
BY_ID: dict[str, Detection] = {d.id: d for d in ALL}
BY_TYPE: dict[str, tuple[Detection, ...]] = {t: tuple(d for d in ALL if t in d.types) for t in TYPES}

__all__ = ["ALL", "BY_ID", "BY_TYPE", "Detection", "Finding"]
