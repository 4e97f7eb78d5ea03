"""The control interface: what a test may ask of the fake (docs/fakes.md)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
import socketio
from aiohttp import WSCloseCode, WSMsgType

from chatengine import events
from fakes.control import ControlError
from tests.fakes.chatengine.world import JID, OTHER_JID
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.chatengine.world import World


async def test_only_with_the_token(world: World) -> None:
    """Without its own token, not even an agent's opens the control interface."""
    for headers in ({}, {"Authorization": f"Bearer {world.token()}"}):
        async with world.session.get(
            f"{world.engine.control.url}/connections", headers=headers
        ) as response:
            assert response.status == 401


async def test_injecting_a_message_and_a_status(world: World) -> None:
    """A message and its status enter as if by the webhook."""
    agent = await world.agent(subscribed_to=JID)
    message = {"instance": "sales-1", "remoteJid": JID, "text": "Oi", "pushName": "Maria"}
    key_id = (await world.control.call("POST", "/messages", message))["keyId"]
    status = {"instance": "sales-1", "keyId": key_id, "status": "read"}
    await world.control.call("POST", "/statuses", status)
    assert (await agent.one(events.MESSAGE))["id"] == f"evo-{key_id}"
    assert (await agent.one(events.MESSAGE_STATUS))["status"] == "read"
    path = f"/messages?workspaceId=w-1&conversationId={JID}"
    assert await world.control.call("GET", path) == await world.messages()


@pytest.mark.parametrize("status", ["pending", "sent", "failed", "delivered", "read"])
async def test_injecting_each_status(world: World, status: str) -> None:
    """A status enters under its own name, whatever WhatsApp calls it."""
    body = {"instance": "sales-1", "keyId": "A1", "status": status}
    await world.control.call("POST", "/statuses", body)
    await world.arrive("A1", from_me=True)
    (message,) = await world.messages()
    assert message["status"] == ("sent" if status == "pending" else status)


async def test_injecting_any_event(world: World) -> None:
    """A raw event goes to one socket, to a conversation's subscribers, or to a workspace."""
    first = await world.agent(subscribed_to=JID)
    second = await world.agent(user="agent-2")
    stranger = await world.agent("w-2", subscribed_to=JID)
    targets = {
        "to-one": {"sid": first.sid},
        "to-subscribers": {"workspaceId": "w-1", "conversationId": JID},
        "to-workspace": {"workspaceId": "w-1"},
    }
    for event, target in targets.items():
        await world.control.call("POST", "/events", {"event": event, "data": {"id": None}} | target)
    for agent, expected in (
        (first, ["to-one", "to-subscribers", "to-workspace"]),
        (second, ["to-workspace"]),
        (stranger, []),
    ):
        await agent.settled()
        assert agent.received == [(event, {"id": None}) for event in expected]


async def test_listing_connections(world: World) -> None:
    """Each connection is listed with its transport, and, once joined, whose it is."""
    agent = await world.agent(subscribed_to=JID)
    polling = await world.agent("w-2", "agent-9", transports=("polling",))
    listed = await world.control.call("GET", "/connections")
    by_sid = {each["sid"]: each for each in listed}
    assert set(by_sid) == {agent.sid, polling.sid}
    own = by_sid[agent.sid]
    assert (own["workspaceId"], own["userId"], own["transport"]) == ("w-1", "agent-1", "websocket")
    assert own["conversations"] == [JID]
    assert by_sid[polling.sid]["transport"] == "polling"


async def drop_the_raw_one(world: World, how: str) -> None:
    (sid,) = (
        each["sid"]
        for each in await world.control.call("GET", "/connections")
        if each["userId"] == "raw"
    )
    answer = await world.control.call("POST", "/connections/drop", {"how": how, "sid": sid})
    assert answer == {"dropped": 1}


async def test_dropping_by_abort(world: World) -> None:
    """`abort` ends TCP without a close frame."""
    async with world.raw_socket() as ws:
        await drop_the_raw_one(world, "abort")
        await ws.receive()
        assert ws.close_code == WSCloseCode.ABNORMAL_CLOSURE


async def test_dropping_by_engine(world: World) -> None:
    """`engine` closes the session: a WebSocket gets a close frame."""
    async with world.raw_socket() as ws:
        await drop_the_raw_one(world, "engine")
        frame = await ws.receive()
        assert frame.type is WSMsgType.CLOSE


async def test_dropping_by_socket(world: World) -> None:
    """`socket` sends a Socket.IO DISCONNECT; the connection stays, as in Node."""
    async with world.raw_socket() as ws:
        await drop_the_raw_one(world, "socket")
        assert await ws.receive_str() == "41"
        (connection,) = await world.control.call("GET", "/connections")
        assert "sid" not in connection


async def test_only_the_one_that_was_meant(world: World) -> None:
    """The other sockets of the same workspace stay, and get their messages."""
    other = await world.agent(user="agent-2", subscribed_to=JID)
    async with world.raw_socket():
        await drop_the_raw_one(world, "abort")
    await world.arrive("A1")
    await other.one(events.MESSAGE)


async def test_dropping_a_whole_workspace(world: World) -> None:
    """All connections of a workspace can be dropped at once; those of another stay."""
    agents = [await world.agent(user=f"agent-{number}") for number in range(3)]
    stranger = await world.agent("w-2")
    body = {"how": "engine", "workspaceId": "w-1"}
    assert await world.control.call("POST", "/connections/drop", body) == {"dropped": 3}
    await until(lambda: not any(agent.client.connected for agent in agents))
    await stranger.settled()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_refusing_handshakes(world: World, transport: str) -> None:
    """With a status, new handshakes fail with it, as many as were said; who is in stays."""
    inside = await world.agent(subscribed_to=JID, transports=(transport,))
    await world.control.call("PUT", "/faults/refusal", {"status": 503, "count": 2})
    for number in range(2):
        await world.arrive(f"A{number}")
        await inside.get(events.MESSAGE, number + 1)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await world.agent(transports=(transport,))
    await world.agent(transports=(transport,))
    await inside.settled()


async def test_refusing_connects(world: World) -> None:
    """With a code, CONNECT is answered with it until that is cleared."""
    await world.control.call("PUT", "/faults/refusal", {"code": "unauthorized", "message": "no"})
    auth = {"token": world.token(), "workspaceId": "w-1"}
    for _ in range(3):
        crm = world.crm()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await crm.connect(world.url, auth)
        assert crm.refusal == {"message": "no", "data": {"code": "unauthorized"}}
    await world.control.call("DELETE", "/faults")
    await world.agent()


DELAY_MS = 400


async def test_delayed_deliveries_keep_their_order(world: World) -> None:
    """Delayed events come late, in the order of entry, also when the delay is taken back."""
    agent = await world.agent(subscribed_to=JID)
    await world.control.call("PUT", "/faults/delays", {"deliveriesMs": DELAY_MS})
    began = time.monotonic()
    await world.arrive("A0")
    await world.arrive("A1")
    assert await world.control.call("DELETE", "/faults") == {"delays": NO_DELAYS, "refusal": None}
    await world.arrive("A2")
    messages = await agent.get(events.MESSAGE, 3)
    assert time.monotonic() - began >= DELAY_MS / 1000
    assert [each["id"] for each in messages] == ["evo-A0", "evo-A1", "evo-A2"]


TEXT = {"instance": "sales-1", "remoteJid": JID, "text": "x"}
NO_DELAYS = {"deliveriesMs": 0, "acksMs": 0, "webhooksMs": 0}


async def test_delayed_acknowledgements(world: World) -> None:
    """A delayed acknowledgement is late; what it acknowledges is done at once."""
    agent = await world.agent()
    await world.control.call("PUT", "/faults/delays", {"acksMs": DELAY_MS})
    began = time.monotonic()
    subscribing = asyncio.create_task(agent.subscribe())
    await agent.settled()
    await world.arrive("A1")
    await agent.one(events.MESSAGE)
    await subscribing
    assert time.monotonic() - began >= DELAY_MS / 1000


async def test_delayed_webhook_answers(world: World) -> None:
    """A delayed webhook answer is late; what it brought is delivered at once."""
    agent = await world.agent(subscribed_to=JID)
    await world.control.call("PUT", "/faults/delays", {"webhooksMs": DELAY_MS})
    began = time.monotonic()
    arriving = asyncio.create_task(world.arrive("A1"))
    await agent.get(events.MESSAGE)
    assert not arriving.done()
    await arriving
    assert time.monotonic() - began >= DELAY_MS / 1000


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/faults/delays", {"acksMs": -1}),
        ("PUT", "/faults/delays", {"acksMs": 60_001}),
        ("PUT", "/faults/delays", {"acks": 1}),
        ("PUT", "/faults/refusal", {}),
        ("PUT", "/faults/refusal", {"status": 503, "code": "forbidden"}),
        ("PUT", "/faults/refusal", {"status": 200}),
        ("PUT", "/faults/refusal", {"status": 503, "count": 0}),
        ("POST", "/events", {"event": "x"}),
        ("POST", "/events", {"event": "x", "sid": "a", "workspaceId": "w-1"}),
        ("POST", "/messages", {"instance": "nobody", "remoteJid": OTHER_JID, "text": "x"}),
        ("POST", "/messages", {"instance": "sales-1", "remoteJid": JID, "text": ""}),
        ("POST", "/messages", {"instance": "sales-1", "remoteJid": "", "text": "x"}),
        ("POST", "/messages", {"instance": "sales-1", "remoteJid": "5" * 513, "text": "x"}),
        ("POST", "/messages", TEXT | {"second": 253_402_300_800}),
        ("POST", "/messages", TEXT | {"second": -1}),
        ("POST", "/messages", TEXT | {"second": 0}),
        ("POST", "/messages", TEXT | {"second": 10**18}),
        ("POST", "/statuses", {"instance": "sales-1", "keyId": "", "status": "read"}),
        ("POST", "/statuses", {"instance": "sales-1", "keyId": "A1", "status": "eaten"}),
        ("POST", "/connections/drop", {"how": "gently"}),
        ("GET", "/messages", None),
    ],
)
async def test_a_call_that_makes_no_sense(world: World, method: str, path: str, body: Any) -> None:
    """What cannot be done is 400 with the reason, and switches nothing on."""
    with pytest.raises(ControlError) as raised:
        await world.control.call(method, path, body)
    assert raised.value.status == 400
    assert await world.control.call("GET", "/conversations?workspaceId=w-1") == []
    assert await world.control.call("GET", "/faults") == {"delays": NO_DELAYS, "refusal": None}
