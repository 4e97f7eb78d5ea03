"""The polling transport and the checks of every request."""

import asyncio
import json
from io import BytesIO

import pytest

from fakes.chatengine.engineio.server import EngineServer
from tests.fakes.chatengine.protocol.wire import Client, echo_server, until

Echo = tuple[Client, EngineServer, list[str]]


async def test_the_greeting_says_milliseconds() -> None:
    """A heartbeat of less than a second is announced as it is, not as whole seconds."""
    async with echo_server(ping_interval_ms=300, ping_timeout_ms=200) as (client, _, _):
        _, body = await client.poll()
        greeting = json.loads(body[1:])
        assert len(greeting.pop("sid")) == 20
        assert greeting == {
            "upgrades": ["websocket"],
            "pingInterval": 300,
            "pingTimeout": 200,
            "maxPayload": 1_000_000,
        }


@pytest.mark.parametrize(
    ("method", "query", "code"),
    [
        ("GET", {"transport": ""}, 0),
        ("GET", {"transport": "abc"}, 0),
        ("GET", {"sid": "unknown"}, 1),
        ("POST", {}, 2),
        ("PUT", {}, 2),
        ("GET", {"transport": "websocket"}, 3),
        ("GET", {"EIO": ""}, 5),
        ("GET", {"EIO": "abc"}, 5),
        ("GET", {"EIO": "3"}, 5),
    ],
)
async def test_a_bad_handshake_is_refused(
    echo: Echo, method: str, query: dict[str, str], code: int
) -> None:
    """Each check answers 400 with Node's code, and opens no session."""
    client, engine, _ = echo
    async with client.request(method, **query) as response:
        assert (response.status, (await response.json())["code"]) == (400, code)
    assert engine.sessions == {}


async def test_messages_come_back_in_order(echo: Echo) -> None:
    """Text and binary packets of one POST are answered `ok` and echoed in one poll."""
    client, _, _ = echo
    sid = await client.open_polling()
    assert await client.post(sid, "4a\x1ebAQIDBA==\x1e4c") == (200, "ok")
    assert await client.poll(sid) == (200, "4a\x1ebAQIDBA==\x1e4c")


@pytest.mark.parametrize("body", ["abc", "", "4a\x1e", "b***", b"4\xff"])
async def test_a_malformed_post_closes_the_session(echo: Echo, body: str | bytes) -> None:
    """What is no packet answers 400, and the session is gone."""
    client, engine, reasons = echo
    sid = await client.open_polling()
    assert (await client.post(sid, body))[0] == 400
    assert (await client.poll(sid))[0] == 400
    assert (engine.sessions, reasons) == ({}, ["parse error"])


async def test_a_ping_by_the_client_closes_the_session(echo: Echo) -> None:
    """In revision 4 the server pings; the other direction is an error (Node)."""
    client, _, reasons = echo
    sid = await client.open_polling()
    await client.post(sid, "2")
    assert (await client.poll(sid))[0] == 400
    assert reasons == ["transport error"]


async def test_two_polls_at_once_close_the_session(echo: Echo) -> None:
    """The first poll ends with a close packet, the second with 400."""
    client, engine, _ = echo
    sid = await client.open_polling()
    first = asyncio.create_task(client.poll(sid))
    await until(lambda: engine.waiting_polls == 1)
    assert (await client.poll(sid))[0] == 400
    assert await first == (200, "1")
    assert (await client.poll(sid))[0] == 400


async def test_a_close_packet_ends_the_poll_with_a_noop(echo: Echo) -> None:
    """POST `1` is answered 200, and the poll that waits with `6`."""
    client, engine, reasons = echo
    sid = await client.open_polling()
    poll = asyncio.create_task(client.poll(sid))
    await until(lambda: engine.waiting_polls == 1)
    assert await client.post(sid, "1") == (200, "ok")
    assert await poll == (200, "6")
    assert (await client.poll(sid))[0] == 400
    assert reasons == ["transport close"]


async def test_a_cancelled_poll_closes_the_session(echo: Echo) -> None:
    """A client that gives its poll up is noticed without another request."""
    client, engine, reasons = echo
    sid = await client.open_polling()
    poll = asyncio.create_task(client.poll(sid))
    await until(lambda: engine.waiting_polls == 1)
    poll.cancel()
    await until(lambda: not engine.sessions)
    assert reasons == ["transport error"]


async def test_a_post_that_breaks_off_closes_the_session(echo: Echo) -> None:
    """A body that ends before its announced length is no message."""
    client, engine, reasons = echo
    sid = await client.open_polling()
    _, writer = await client.raw_request("POST", sid, "4a", length=9)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await until(lambda: not engine.sessions)
    assert reasons == ["transport error"]


async def test_two_posts_at_once_close_the_session(echo: Echo) -> None:
    """A second POST before the first has ended is answered 400 (Node: data request overlap)."""
    client, engine, _ = echo
    sid = await client.open_polling()
    _, writer = await client.raw_request("POST", sid, "4a", length=9)
    while (await client.post(sid, "4b"))[0] == 200:
        pass  # the first has not arrived yet
    assert engine.sessions == {}
    writer.transport.abort()


async def test_a_post_of_ten_megabytes_is_too_large(echo: Echo) -> None:
    """It is answered 413, whether its length is announced or not; the session goes on."""
    client, _, _ = echo
    sid = await client.open_polling()
    big = b"4" + b"x" * 10_000_000

    async def chunks() -> object:
        for start in range(0, len(big), 100_000):
            yield big[start : start + 100_000]

    for body in (BytesIO(big), chunks()):
        async with client.request("POST", sid, body) as response:  # type: ignore[arg-type]
            assert response.status == 413
    assert await client.post(sid, "4still here") == (200, "ok")
    assert await client.poll(sid) == (200, "4still here")


async def test_a_post_of_exactly_the_limit_is_taken() -> None:
    """The limit itself is allowed."""
    async with echo_server(max_payload=100) as (client, _, _):
        sid = await client.open_polling()
        assert await client.post(sid, "4" + "x" * 99) == (200, "ok")
        assert (await client.post(sid, "4" + "x" * 100))[0] == 413


async def test_a_session_closed_by_the_server_ends_with_the_next_poll(echo: Echo) -> None:
    """What was sent before the close is fetched together with the close packet."""
    client, engine, reasons = echo
    sid = await client.open_polling()
    await client.post(sid, "4last words")
    engine.sessions[sid].close()
    assert reasons == ["server disconnect"]
    assert await client.poll(sid) == (200, "4last words\x1e1")
    assert (await client.poll(sid))[0] == 400


async def test_a_client_that_does_not_fetch_is_too_slow() -> None:
    """A session whose packets pile up beyond the limit is closed."""
    async with echo_server(max_write_buffer=5_000) as (client, engine, reasons):
        sid = await client.open_polling()
        for _ in range(5):
            await client.post(sid, "4" + "x" * 999)
        assert reasons == []
        await client.post(sid, "4x")
        assert (engine.sessions, reasons) == ({}, ["transport error"])


async def test_browsers_of_allowed_origins_may_call() -> None:
    """CORS headers are for the configured origins alone, errors and preflights included."""
    async with echo_server(cors_allowed_origins=("https://crm.example",)) as (client, _, _):
        for origin, allowed in (
            ("https://crm.example", "https://crm.example"),
            ("https://x", None),
        ):
            for method, query in (("GET", {}), ("GET", {"EIO": "3"}), ("OPTIONS", {})):
                parameters = {"EIO": "4", "transport": "polling", **query}
                async with client.http.request(
                    method, client.url, params=parameters, headers={"Origin": origin}
                ) as response:
                    assert response.headers.get("Access-Control-Allow-Origin") == allowed
