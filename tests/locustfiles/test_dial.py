"""Why a connection does not come about: one sentence each, and no attempt left behind."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from locustfiles.engine.connection import dial, websocket_url
from locustfiles.engine.errors import ConnectFailed, ConnectRefused
from tests.locustfiles.agents import until
from tests.locustfiles.broken_server import Faults, broken_server

if TYPE_CHECKING:
    from locustfiles.engine.thread import Engine


class Deaf:
    """Receives nothing: the connection is not to come about."""

    def on_known(self, payload: bytes) -> bool:
        return False

    def on_message(self, event: bytes) -> None:
        raise AssertionError(event)

    def on_event(self, name: str, arguments: list[Any]) -> None:
        raise AssertionError(name)

    def on_lost(self, cause: str) -> None:
        raise AssertionError(cause)


def failure(
    engine: Engine, url: str, *, tls: ssl.SSLContext | None = None, timeout_s: float = 10
) -> ConnectFailed:
    """The error of connecting to the server at `url`."""

    async def attempt() -> None:
        await dial(
            websocket_url(url, "/api/ws"), {"token": "t"}, Deaf(), timeout_s=timeout_s, tls=tls
        )

    with pytest.raises(ConnectFailed) as caught:
        engine.run(attempt)
    return caught.value


BROKEN = {
    "missing": "{at} answered 404 at /api/ws/ instead of a WebSocket",
    "page": "{at} answered 200 at /api/ws/ instead of a WebSocket",
    "silent": "{at} did not complete the Socket.IO handshake within 0.3 s",
    "garbage": "the server ended the handshake: its Engine.IO handshake is malformed",
}


@pytest.mark.parametrize("handshake", BROKEN)
def test_a_server_that_is_none_is_described(engine: Engine, handshake: Any) -> None:
    """The sentence says what was found at which place, and the TCP connection is given back."""
    with broken_server(Faults(handshake=handshake)) as server:
        error = failure(engine, server.url, timeout_s=0.3 if handshake == "silent" else 10)
        assert str(error) == BROKEN[handshake].format(at=f"127.0.0.1:{server.port}")
        until(lambda: not server.clients)


def test_a_server_that_goes_away_at_once_is_a_failure(engine: Engine) -> None:
    """Answering CONNECT and hanging up in the same breath is no connection, or one that is lost.

    Our own CONNECT may find the server gone, and then the end comes as a reset together with the
    last data: not every time, and so it is tried often.
    """
    losses: list[str] = []

    class Listener(Deaf):
        def on_lost(self, cause: str) -> None:
            losses.append(cause)

    async def attempt(url: str) -> None:
        try:
            await dial(url, {"token": "t"}, Listener(), timeout_s=5)
        except ConnectFailed as error:
            losses.append(str(error))

    with broken_server(Faults(handshake="doomed")) as server:
        url = websocket_url(server.url, "/api/ws")
        for _ in range(100):
            engine.run(lambda: attempt(url))
        until(lambda: len(losses) >= 100)
        engine.run(lambda: asyncio.sleep(0.05))
        assert len(losses) == 100


@pytest.mark.parametrize("code", ["unauthorized", "forbidden"])
def test_a_refusal_carries_its_code(engine: Engine, code: str) -> None:
    """CONNECT_ERROR becomes a ConnectRefused with the server's words and its code."""
    with broken_server(Faults(refusal={"message": "go away", "data": {"code": code}})) as server:
        error = failure(engine, server.url)
        assert isinstance(error, ConnectRefused)
        assert (str(error), error.code) == ("the server refused the connection: go away", code)
        until(lambda: not server.clients)


@pytest.mark.parametrize("data", [{}, {"message": 7}, {"message": "x" * 5000, "data": []}])
def test_a_refusal_of_any_shape_is_told(engine: Engine, data: dict[str, Any]) -> None:
    """A CONNECT_ERROR that the contract does not know is a refusal without a code, cut short."""
    with broken_server(Faults(refusal=data)) as server:
        error = failure(engine, server.url)
        assert isinstance(error, ConnectRefused)
        assert error.code is None
        assert len(str(error)) < 300


def test_nothing_listens(engine: Engine) -> None:
    """A closed port is said to be closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert (
        str(failure(engine, f"http://127.0.0.1:{port}")) == f"nothing listens at 127.0.0.1:{port}"
    )


def test_an_answer_that_never_comes(engine: Engine) -> None:
    """A port that accepts and stays silent is given up in time, and let go of."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        error = failure(engine, f"http://127.0.0.1:{port}", timeout_s=0.3)
        expected = f"127.0.0.1:{port} did not complete the Socket.IO handshake within 0.3 s"
        assert str(error) == expected
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(2)
            while accepted.recv(4096):  # the request, and then the end
                pass


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70, "ü" * 300])
def test_an_unknown_name(engine: Engine, host: str) -> None:
    """A name that nobody knows, or that cannot be one, is said to be unknown."""
    assert str(failure(engine, f"http://{host}")) == f"the name {host} is unknown"


def test_tls_where_there_is_none(engine: Engine) -> None:
    """A secure URL of a plain server is said to be no TLS."""
    with broken_server() as server:
        url = server.url.replace("http", "https")
        error = failure(engine, url, tls=ssl.create_default_context())
        assert str(error).startswith(f"127.0.0.1:{server.port} does not speak TLS")
