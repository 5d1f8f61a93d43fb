"""Dependencies of routes that are not for everybody."""

from __future__ import annotations

from fastapi import Request

from tokentrail.web.auth import Viewer
from tokentrail.web.state import Web


class Known:
    """`Depends(Known(web))`: the viewer, or NotAllowed."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def __call__(self, request: Request) -> Viewer:
        """Who looks; remembered on the request for the page's head."""
        viewer = self._web.auth.viewer(request)
        request.state.viewer = viewer
        return viewer
