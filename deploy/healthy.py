"""Health of a process in a container, for docker-compose.yml: exit 0 well, 1 not.

healthy.py answers http://127.0.0.1:8700/health      it answers with a status of success
healthy.py connected kafka:19092 postgres:5432       our processes hold a connection to each of these
"""

from __future__ import annotations

import http.client
import socket
import sys
from urllib.parse import urlsplit

import psutil


def answers(url: str) -> bool:
    """Whether a GET gives 2xx within three seconds; no proxy is asked."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=3)
    try:
        connection.request("GET", parts.path or "/")
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def connected(*addresses: str) -> bool:
    """Whether this container's processes have an established connection to every address."""
    held = {
        tuple(connection.raddr)
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED
    }
    return all(not held.isdisjoint(_resolved(address)) for address in addresses)


def _resolved(address: str) -> set[tuple[object, ...]]:
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {tuple(entry[4][:2]) for entry in found}


if __name__ == "__main__":
    question, *about = sys.argv[1:]
    sys.exit(0 if (answers(about[0]) if question == "answers" else connected(*about)) else 1)
