"""The heartbeat on both transports, and the upgrade from one to the other."""

import asyncio

import pytest

from fakes.chatengine.engineio.outbound import message
from fakes.chatengine.engineio.server import EngineServer
from tests.fakes.chatengine.protocol.wire import Client, closed, echo_server, until

Echo = tuple[Client, EngineServer, list[str]]
FAST = {"ping_interval_ms": 60, "ping_timeout_ms": 40}


async def test_a_websocket_is_pinged_for_as_long_as_it_answers() -> None:
    """Each pong is followed by another ping, an interval later."""
    async with echo_server(ping_interval_ms=60, ping_timeout_ms=5_000) as (client, engine, _):
        socket, sid = await client.open_websocket()
        for _ in range(3):
            assert await socket.receive_str() == "2"
            await socket.send_str("3")
        assert sid in engine.sessions


async def test_a_polling_client_is_pinged_for_as_long_as_it_answers() -> None:
    """The ping ends the poll that waits."""
    async with echo_server(ping_interval_ms=60, ping_timeout_ms=5_000) as (client, _, _):
        sid = await client.open_polling()
        for _ in range(3):
            assert await client.poll(sid) == (200, "2")
            assert await client.post(sid, "3") == (200, "ok")


async def test_a_silent_websocket_is_closed() -> None:
    """Without a pong the session ends when the timeout does."""
    async with echo_server(**FAST) as (client, _, reasons):
        socket, _ = await client.open_websocket()
        assert await socket.receive_str() == "2"
        await closed(socket)
        assert reasons == ["ping timeout"]


async def test_a_client_that_polls_but_does_not_answer_is_closed() -> None:
    """The timeout is noticed while a poll waits, and ends it."""
    async with echo_server(**FAST) as (client, _, reasons):
        sid = await client.open_polling()
        assert await client.poll(sid) == (200, "2")
        assert await client.poll(sid) == (200, "1")
        assert reasons == ["ping timeout"]
        assert (await client.poll(sid))[0] == 400


async def test_a_client_that_does_not_poll_is_closed() -> None:
    """The timeout needs no request to be noticed."""
    async with echo_server(**FAST) as (client, engine, reasons):
        await client.open_polling()
        await until(lambda: not engine.sessions)
        assert reasons == ["ping timeout"]


async def test_messages_stay_in_order_across_the_upgrade(echo: Echo) -> None:
    """What polling had not fetched goes over the WebSocket first."""
    client, engine, _ = echo
    sid = await client.open_polling()
    session = engine.sessions[sid]
    sent = 0

    def send(count: int) -> None:
        nonlocal sent
        for _ in range(count):
            session.send(message(str(sent) if sent % 3 else str(sent).encode()))
            sent += 1

    send(3)
    socket = await client.websocket(sid)
    await socket.send_str("2probe")
    assert await socket.receive_str() == "3probe"
    _, polled = await client.poll(sid)
    assert polled == "bMA==\x1e41\x1e42"
    send(4)
    await socket.send_str("5")
    await socket.send_str("4mine")
    send(3)
    received = [(await socket.receive()).data for _ in range(8)]
    assert received == [b"3", "44", "45", b"6", "47", "48", b"9", "4mine"]


async def test_the_poll_that_waits_ends_with_a_noop_when_probed(echo: Echo) -> None:
    """So that the client can finish its poll and send the upgrade packet."""
    client, engine, _ = echo
    sid = await client.open_polling()
    poll = asyncio.create_task(client.poll(sid))
    await until(lambda: engine.waiting_polls == 1)
    socket = await client.websocket(sid)
    await socket.send_str("2probe")
    assert await poll == (200, "6")
    assert await socket.receive_str() == "3probe"
    assert await client.poll(sid) == (200, "6")


async def test_the_websocket_gets_no_stray_noop(echo: Echo) -> None:
    """The first thing after `5` is what was said after it."""
    client, engine, _ = echo
    sid = await client.open_polling()
    poll = asyncio.create_task(client.poll(sid))
    await until(lambda: engine.waiting_polls == 1)
    socket = await client.upgrade(sid)
    assert await poll == (200, "6")
    await socket.send_str("4hello")
    assert await socket.receive_str() == "4hello"


async def test_a_poll_after_the_upgrade_is_refused(echo: Echo) -> None:
    """400 for polls and posts; the WebSocket goes on."""
    client, _, _ = echo
    sid = await client.open_polling()
    socket = await client.upgrade(sid)
    await socket.send_str("4hello")
    assert await socket.receive_str() == "4hello"
    assert (await client.poll(sid))[0] == 400
    assert (await client.post(sid, "4x"))[0] == 400
    await socket.send_str("4hello")
    assert await socket.receive_str() == "4hello"


async def test_a_second_websocket_is_closed(echo: Echo) -> None:
    """Neither a probed, nor an upgraded, nor a WebSocket session takes another WebSocket."""
    client, _, _ = echo
    probing = await client.open_polling()
    candidate = await client.websocket(probing)
    upgraded = await client.open_polling()
    first = await client.upgrade(upgraded)
    _, born = await client.open_websocket()
    for sid in (probing, upgraded, born):
        await closed(await client.websocket(sid))
    await first.send_str("4hello")
    assert await first.receive_str() == "4hello"
    await candidate.send_str("2probe")
    assert await candidate.receive_str() == "3probe"


@pytest.mark.parametrize("text", ["4too early", "2", "abc", "1"])
async def test_a_probe_that_says_something_else_is_closed(echo: Echo, text: str) -> None:
    """The session stays on polling, and may be probed again."""
    client, _, reasons = echo
    sid = await client.open_polling()
    socket = await client.websocket(sid)
    await socket.send_str(text)
    await closed(socket)
    assert await client.post(sid, "4hello") == (200, "ok")
    assert await client.poll(sid) == (200, "4hello")
    socket = await client.upgrade(sid)
    await socket.send_str("4hello")
    assert await socket.receive_str() == "4hello"
    assert reasons == []


async def test_a_lost_probe_leaves_the_session_on_polling(echo: Echo) -> None:
    """A WebSocket that goes away before `5` takes nothing with it."""
    client, _, _ = echo
    sid = await client.open_polling()
    socket = await client.websocket(sid)
    await socket.send_str("2probe")
    assert await socket.receive_str() == "3probe"
    await socket.close()
    assert await client.post(sid, "4hello") == (200, "ok")
    _, body = await client.poll(sid)
    assert body == "4hello"


async def test_an_upgrade_that_takes_too_long_is_given_up() -> None:
    """After the upgrade timeout the WebSocket is closed, and polling goes on."""
    async with echo_server(upgrade_timeout_ms=50) as (client, _, _):
        sid = await client.open_polling()
        await closed(await client.websocket(sid))
        assert await client.post(sid, "4hello") == (200, "ok")
        assert await client.poll(sid) == (200, "4hello")


async def test_the_heartbeat_goes_on_after_the_upgrade() -> None:
    """A ping that polling carried may be answered over the WebSocket; the next one comes there."""
    async with echo_server(ping_interval_ms=100, ping_timeout_ms=5_000) as (client, _, _):
        sid = await client.open_polling()
        assert await client.poll(sid) == (200, "2")
        socket = await client.upgrade(sid)
        await socket.send_str("3")
        assert await socket.receive_str() == "2"
