"""Serving an ASGI application on an open socket until told to stop."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from tokentrail.errors import ConfigError

GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    """Signals belong to the process: it runs other threads that must end in order too."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leave them alone."""
        return nullcontext()


@dataclass(frozen=True)
class Tls:
    """PEM files of a certificate chain and its key; TLS 1.2 or later."""

    certificate: Path
    key: Path


def tls_from_environment() -> Tls | None:
    """TOKENTRAIL_TLS_CERTIFICATE and TOKENTRAIL_TLS_KEY, paths of PEM files; None when neither is set."""
    names = ("TOKENTRAIL_TLS_CERTIFICATE", "TOKENTRAIL_TLS_KEY")
    given = [os.environ.get(name) for name in names]
    if not any(given):
        return None
    for name, value in zip(names, given, strict=True):
        if not value or not Path(value).is_file():
            raise ConfigError(f"{name} is not the path of a file: TLS needs both {' and '.join(names)}")
    return Tls(Path(given[0] or ""), Path(given[1] or ""))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ConfigError when the port is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror}): choose another --port") from None
    listener.listen(1024)
    return listener


def url_of(listener: socket.socket, tls: Tls | None = None) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{name}:{port}"


def serve(app: Any, listener: socket.socket, stop: threading.Event, tls: Tls | None = None) -> None:
    """Serve until `stop`; requests under way get a few seconds to end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # who may speak for a client is decided in producers.origin
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=32 * 1024,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    server = _Server(config)
    threading.Thread(target=_end_with, args=(server, stop), name="http stop", daemon=True).start()
    server.run(sockets=[listener])


def _end_with(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True
