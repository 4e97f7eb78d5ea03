"""What goes over a connection: events in their order, commands out, and what is malformed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from chatengine import events
from chatengine.client.problems import NotSubscribed
from fakes.serving import serving
from tests.chatengine.client.socket.peers import QUICK, Heard, Peer, scripted, source
from tests.fakes.chatengine.world import JID, OTHER_JID, SETTINGS, running
from tests.waiting import until

if TYPE_CHECKING:
    from chatengine.client.config import Transport
    from tests.fakes.chatengine.world import World

BURST = 2000


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_burst_keeps_its_order(world: World, transport: Transport) -> None:
    """2,000 events at once arrive each once and in their order, over both transports."""
    heard = Heard()
    async with source(world.url, heard, transports=(transport,)) as socket:
        await until(lambda: socket.connected)
        (connection,) = await world.control.call("GET", "/connections")
        for number in range(BURST):
            body = {"event": "message", "data": number, "sid": connection["sid"]}
            await world.control.call("POST", "/events", body)
        await until(lambda: len(heard.events) == BURST)
    assert heard.all("message") == list(range(BURST))
    assert heard.losses == []


async def test_a_burst_in_one_moment_keeps_its_order() -> None:
    """Frames that come faster than they can be taken are taken in their order."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.send(*(f'42["message",{number}]' for number in range(BURST)))
        await peer.rest()

    heard = Heard()
    async with scripted(script) as url, source(url, heard):
        await until(lambda: len(heard.events) == BURST)
    assert heard.all("message") == list(range(BURST))


async def test_a_burst_in_one_poll_keeps_its_order() -> None:
    """A body of polling holds as many packets as the server likes: python-engineio takes 16."""
    bodies = iter(
        [
            '0{"sid":"e-1","upgrades":[],"pingInterval":25000,"pingTimeout":20000}',
            "\x1e".join(
                ['40{"sid":"s-1"}', *(f'42["message",{number}]' for number in range(BURST))]
            ),
        ]
    )

    async def handle(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(text="ok")
        body = next(bodies, None)
        if body is None:
            await asyncio.Event().wait()
        return web.Response(text=body)

    app = web.Application()
    app.router.add_route("*", "/api/ws/", handle)
    heard = Heard()
    async with (
        serving(app, "127.0.0.1", 0, handler_cancellation=True) as port,
        source(f"http://127.0.0.1:{port}", heard, transports=("polling",)),
    ):
        await until(lambda: len(heard.events) == BURST)
    assert heard.all("message") == list(range(BURST))
    assert heard.losses == []


MALFORMED: list[str | bytes] = [
    "4",
    "42",
    "42null",
    "42{}",
    "42[]",
    "42[null]",
    "42[{}]",
    '42["message"',
    '42["message",NaN]',
    '42["connect"]',
    '42["connect_error",{"message":"x"}]',
    '42["disconnect","x"]',
    "42" + "[" * 100_000,
    '42["message",' + "[" * 100_000 + "]" * 100_000 + "]",
    "44",
    "49",
    "4hello",
    '4{"a":1}',
    '4["message",1]',
    b"\x00\x01",
    "43",
    "43null",
    "4399999999999999999999[]",
    '451-["message",{"_placeholder":true,"num":7}]',
    b"\x00",
    '4599999999999-["message"]',
    '45["message"]',
    # an attachment that never comes must not swallow what follows
    '451-["message",{"_placeholder":true,"num":0}]',
]

STRANGE: list[str | bytes] = [
    "430[]",
    "431[]",
    '40{"sid":"again"}',
    "41/other,",
    '42/other,["message",1]',
    "2probe",
    "6",
    "9",
    "3",
]


async def test_malformed_packets_do_not_end_a_connection() -> None:
    """C-MSG-7: each is dropped and counted, and what follows is still handled."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.send(*MALFORMED)
        # What stood in for the missing attachment is lost with its packet.
        await peer.send('42["lost"]', '42["message",1]', *STRANGE, '42["message",2]')
        await peer.rest()

    heard = Heard()
    async with scripted(script) as url, source(url, heard) as socket:
        await until(lambda: heard.all("message") == [1, 2])
        # The binary packet and the attachment that it names wrongly are one.
        assert socket.malformed == len(MALFORMED) - 1
    assert socket.malformed == len(MALFORMED) - 1
    assert heard.events == [("message", 1), ("message", 2)]
    assert (heard.connections, heard.losses) == (1, [])


async def test_every_shape_of_event_is_handed_over() -> None:
    """The first argument is the payload, None where there is none; bytes come as bytes."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.send('42["a"]', '42["a",1,2]', '42["*",{"x":[null]}]', '42[7,"n"]', '421["a",3]')
        await peer.send('451-["b",{"raw":{"_placeholder":true,"num":0}}]', b"\x00\xff")
        await peer.send('42["a","\\ud83d"]', '42["error",{"type":"sendMessage","message":"no"}]')
        await peer.rest()

    heard = Heard()
    async with scripted(script) as url, source(url, heard):
        await until(lambda: len(heard.events) == 8)
    assert heard.events == [
        ("a", None),
        ("a", 1),
        ("*", {"x": [None]}),
        ("7", "n"),
        ("a", 3),
        ("b", {"raw": b"\x00\xff"}),
        ("a", "�"),
        ("error", {"type": "sendMessage", "message": "no"}),
    ]
    assert heard.losses == []


async def test_a_listener_that_raises_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """An error of whoever listens is logged, and the next event is handed over."""

    class Failing(Heard):
        def connected(self) -> None:
            super().connected()
            raise ValueError("connected")

        def lost(self, cause: str, refused: bool) -> None:
            super().lost(cause, refused)
            raise ValueError("lost")

        def event(self, name: str, payload: object) -> None:
            super().event(name, payload)
            raise ValueError("event")

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.send('42["message",1]', '42["message",2]')

    heard = Failing()
    async with scripted(script) as url, source(url, heard):
        await until(lambda: heard.connections == 2)
    assert heard.all("message")[:2] == [1, 2]
    ours = [each.message for each in caplog.records if each.name == "chatengine.client.socket"]
    assert set(ours) == {"a listener of ChatEngine's socket failed"}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_subscription_begins_and_ends(world: World, transport: Transport) -> None:
    """C-SUB-1, C-SUB-4: once the server said yes its messages come, and after the end no more."""
    heard = Heard()
    async with source(world.url, heard, transports=(transport,)) as socket:
        await until(lambda: socket.connected)
        assert await socket.subscribe(JID) is True
        await world.arrive("A1")
        await until(lambda: heard.all(events.MESSAGE))
        assert await socket.unsubscribe(JID) is True
        await world.arrive("A2")
        await until(lambda: len(heard.all(events.CONVERSATION)) == 2)
    assert [message["id"] for message in heard.all(events.MESSAGE)] == ["evo-A1"]


async def test_without_a_connection_nothing_goes_out(world: World) -> None:
    """C-SUB-2: before the connection is up a subscription is refused, not lost without a word."""
    async with source(world.url, started=False) as socket:
        assert await socket.subscribe(JID) is False
        assert await socket.unsubscribe(JID) is False
        assert await socket.emit("typing", {"conversationId": JID, "isTyping": True}) is False


async def test_a_new_connection_is_told_before_its_events() -> None:
    """C-SUB-3: `connected` comes first, and from within it a subscription can be begun."""
    order: list[object] = []
    asked: list[asyncio.Task[bool]] = []

    class Ordered(Heard):
        def connected(self) -> None:
            order.append("connected")
            asked.append(asyncio.get_running_loop().create_task(socket.subscribe(JID)))

        def event(self, name: str, payload: object) -> None:
            order.append(payload)

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.send('42["message",1]')
        frame = await peer.receive()
        assert frame == f'421["subscribe:conversation","{JID}"]'
        await peer.send('431[{"ok":true}]', '42["message",2]')
        await peer.rest()

    async with scripted(script) as url, source(url, Ordered()) as socket:
        await until(lambda: len(order) == 3)
        assert order == ["connected", 1, 2]
        assert await asked[0] is True


@pytest.mark.parametrize(
    "answer",
    [
        "431[]",
        '431["ok"]',
        "431[{}]",
        None,
    ],
)
async def test_what_is_no_yes_is_no_subscription(answer: str | None) -> None:
    """A subscription that is answered by nothing, or not in time, is False; nothing waits on."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.receive()
        if answer is not None:
            await peer.send(answer)
        await peer.rest()

    timing = replace(QUICK, ack_timeout_ms=200)
    async with scripted(script) as url, source(url, timing=timing) as socket:
        await until(lambda: socket.connected)
        assert await socket.subscribe(JID) is False
        assert socket.connected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ('{"code":"bad_request","message":"no"}', "bad_request, no"),
        ('{"message":"\\u001b[31mno"}', "[31mno"),
        ('"no"', "no"),
        ("7", "without a reason"),
    ],
)
async def test_a_subscription_that_is_refused(error: str, words: str) -> None:
    """The server's no is told in its own words, made harmless."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.receive()
        await peer.send(f'431[{{"ok":false,"error":{error}}}]')
        await peer.rest()

    async with scripted(script) as url, source(url) as socket:
        await until(lambda: socket.connected)
        with pytest.raises(NotSubscribed) as caught:
            await socket.subscribe(JID)
        assert str(caught.value) == (
            f"ChatEngine refused a subscription: {words} (it is tried again)"
        )
        assert socket.connected


async def test_an_answer_that_nobody_asked_for() -> None:
    """Ack 0, under which the library keeps its counter, and one that comes twice, are nothing."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        for number in (1, 2):
            await peer.receive()
            await peer.send("430[]", f'43{number}[{{"ok":true}}]', f"43{number}[]")
        await peer.rest()

    async with scripted(script) as url, source(url) as socket:
        await until(lambda: socket.connected)
        assert await socket.subscribe(JID) is True
        assert await socket.subscribe(OTHER_JID) is True
        assert socket.malformed == 0


async def test_a_loss_ends_the_wait_for_an_answer() -> None:
    """Whoever waits for an acknowledgement is not held up when the connection is lost."""

    async def script(peer: Peer) -> None:
        await peer.let_in()
        await peer.receive()

    timing = replace(QUICK, ack_timeout_ms=60_000)
    async with scripted(script) as url, source(url, timing=timing) as socket:
        await until(lambda: socket.connected)
        async with asyncio.timeout(2):
            assert await socket.subscribe(JID) is False


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_typing_reaches_the_other_subscribers(world: World, transport: Transport) -> None:
    """C-TYP-1: and not its sender, nor those of another conversation."""
    other = await world.agent(user="agent-2", subscribed_to=JID)
    elsewhere = await world.agent(user="agent-3", subscribed_to=OTHER_JID)
    heard = Heard()
    async with source(world.url, heard, transports=(transport,)) as socket:
        await until(lambda: socket.connected)
        await socket.subscribe(JID)
        for is_typing in (True, False):
            typing = {"conversationId": JID, "isTyping": is_typing}
            assert await socket.emit(events.TYPING, typing) is True
        told = await other.get(events.TYPING, 2)
        await elsewhere.settled()
    assert told == [
        {"conversationId": JID, "userId": "agent-1", "isTyping": is_typing}
        for is_typing in (True, False)
    ]
    assert elsewhere.all(events.TYPING) == heard.all(events.TYPING) == []


async def test_a_send_goes_out_and_its_news_come_back(world: World) -> None:
    """C-SND-2 (its way): the server's copy and `messageSent` carry the client's own id."""
    heard = Heard()
    async with source(world.url, heard) as socket:
        await until(lambda: socket.connected)
        await socket.subscribe(JID)
        command: dict[str, Any] = {"type": "sendMessage", "conversationId": JID, "content": "Olá"}
        assert await socket.emit(events.SEND_MESSAGE, command | {"messageId": "c-1"}) is True
        await until(lambda: heard.all(events.MESSAGE) and heard.all(events.MESSAGE_SENT))
    assert heard.all(events.MESSAGE)[0]["metadata"]["clientMessageId"] == "c-1"
    assert heard.all(events.MESSAGE_SENT)[0]["clientMessageId"] == "c-1"
    assert [body["text"] for _, body in world.provider.calls] == ["Olá"]


@pytest.mark.parametrize("compression", [False, True])
async def test_compression_is_agreed_upon_where_it_is_wanted(compression: bool) -> None:
    """permessage-deflate (RFC 7692) is on when both want it, and texts arrive as they were."""
    text = "long and longer, " * 1000
    heard = Heard()
    async with running(replace(SETTINGS, compression=True)) as world:
        async with source(world.url, heard, compression=compression) as socket:
            await until(lambda: socket.connected)
            assert socket.compressed is compression
            await socket.subscribe(JID)
            await world.arrive("A1", text)
            await until(lambda: heard.all(events.MESSAGE))
        assert socket.compressed is False
    assert heard.all(events.MESSAGE)[0]["content"] == text


async def test_a_server_without_compression_is_none_the_worse(world: World) -> None:
    """What is offered and not taken is not used."""
    async with source(world.url, compression=True) as socket:
        await until(lambda: socket.connected)
        assert socket.compressed is False
        assert await socket.subscribe(JID)
