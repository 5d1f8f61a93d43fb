"""The simulator's small HTTP client against a real server on loopback."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from producers.simulator.live.http import Client, HttpError, Response

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _talk(answer: bytes, requests: int = 1, pause: float = 0.0) -> tuple[list[Response], list[bytes]]:
    """Serves `answer` in two pieces to each request; gives the responses and the request heads seen."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                seen.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer[:20])
                await writer.drain()
                await asyncio.sleep(pause)
                writer.write(answer[20:])
                if not answer:
                    break
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    async def run() -> list[Response]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = Client(f"http://127.0.0.1:{port}/base", connections=2)
        try:
            return [await client.get(b"/x", b"A: b\r\n") for _ in range(requests)]
        finally:
            client.close()
            server.close()
            await asyncio.sleep(0.05)  # both ends see the close

    return asyncio.run(run()), seen


def test_answers_come_whole_over_one_connection() -> None:
    answers, seen = _talk(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", requests=3, pause=0.01)
    assert [(a.status, a.body) for a in answers] == [(200, b"hello")] * 3
    assert seen[0].startswith(b"GET /base/x HTTP/1.1\r\nHost: 127.0.0.1")


def test_no_body() -> None:
    answers, _ = _talk(b"HTTP/1.1 204 No Content\r\nServer: t\r\n\r\n")
    assert answers[0].status == 204
    assert answers[0].body == b""


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
def test_what_it_does_not_understand_is_an_error(answer: bytes) -> None:
    with pytest.raises(HttpError):
        _talk(answer)


def test_nobody_there() -> None:
    with pytest.raises(HttpError, match="failed"):
        asyncio.run(Client("http://127.0.0.1:1").get(b"/", b""))
