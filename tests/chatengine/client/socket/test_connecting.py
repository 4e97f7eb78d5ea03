"""Getting connected: the first time, after every loss, and in spite of refusals (C-CONN-1 to 6)."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from chatengine.client.config import ChatEngineConfig, Timing, TokenConfig
from chatengine.client.core.shapes import ConnectionState
from chatengine.client.socket import SocketSource
from chatengine.client.tokens import AskedTokens, MintedTokens
from chatengine.tokens import TokenRules, verify
from fakes.network import Address, ProxySettings, running_proxy
from tests.chatengine.client.socket.peers import QUICK, Heard, Peer, scripted, source, tokens
from tests.fakes.chatengine.world import SECRET
from tests.waiting import until

if TYPE_CHECKING:
    from chatengine.client.config import Transport
    from tests.fakes.chatengine.world import World

TRANSPORTS: tuple[Transport, ...] = ("websocket", "polling")

UNAUTHORIZED = (
    "ChatEngine refused the connection: unauthorized, token with a wrong signature "
    "(check the token's secret and this machine's clock, or sign in again)"
)


def target(url: str) -> Address:
    """The address behind a URL of ours."""
    host, port = url.removeprefix("http://").split(":")
    return Address(host, int(port))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_it_connects_once_it_is_started(world: World, transport: Transport) -> None:
    """C-CONN-1, C-CONN-2: no attempt before the start; then it connects by itself and says so."""
    heard = Heard()
    async with source(world.url, heard, transports=(transport,), started=False) as socket:
        assert (socket.connected, socket.state) == (False, ConnectionState.DISCONNECTED)
        assert await world.control.call("GET", "/connections") == []
        socket.start()
        assert (socket.connected, socket.state) == (False, ConnectionState.CONNECTING)
        await until(lambda: socket.connected)
        assert (socket.state, socket.last_error) == (ConnectionState.CONNECTED, None)
        assert (socket.transport, heard.connections, heard.losses) == (transport, 1, [])
        (connection,) = await world.control.call("GET", "/connections")
        assert (connection["transport"], connection["workspaceId"]) == (transport, "w-1")


async def test_the_websocket_comes_first(world: World) -> None:
    """Where both transports can be had, it is the WebSocket (contract, section 2)."""
    async with source(world.url) as socket:
        await until(lambda: socket.connected)
        assert socket.transport == "websocket"


async def test_it_never_gives_up(world: World) -> None:
    """C-CONN-3: away for far more than the five attempts of the original, the server is found."""
    heard = Heard()
    quick = Timing(reconnect_delay_ms=5, reconnect_delay_max_ms=20)
    async with (
        running_proxy(ProxySettings(target=target(world.url))) as proxy,
        source(proxy.url, heard, timing=quick) as socket,
    ):
        await until(lambda: socket.connected)
        proxy.refuse()
        proxy.cut_all()
        await until(lambda: len(heard.losses) > 30)
        assert socket.state is ConnectionState.CONNECTING
        proxy.heal()
        await until(lambda: socket.connected)
        assert heard.connections == 2


async def test_it_is_back_within_five_seconds(world: World) -> None:
    """C-CONN-3: with default timing, however long it was away: here each pause is the longest."""
    longest = Timing().reconnect_delay_max_ms
    heard = Heard()
    async with (
        running_proxy(ProxySettings(target=target(world.url))) as proxy,
        source(proxy.url, heard, timing=Timing(reconnect_delay_ms=longest), started=False) as it,
    ):
        proxy.refuse()
        it.start()
        await until(lambda: heard.losses)
        proxy.heal()  # right after an attempt: the worst moment
        await until(lambda: it.connected, within_s=5 + 3)  # what a loaded machine takes


async def test_a_silent_server_holds_no_attempt_up() -> None:
    """C-CONN-3: attempts are spaced from start to start, so one that hangs costs no pause more."""
    times: list[float] = []

    async def script(peer: Peer) -> None:
        times.append(asyncio.get_running_loop().time())
        await peer.open()
        await peer.rest()

    timing = Timing(reconnect_delay_ms=500, reconnect_delay_max_ms=500, connect_timeout_ms=500)
    async with (
        scripted(script) as url,
        source(url, timing=timing, transports=("websocket",)),
    ):
        await until(lambda: len(times) == 4)
    assert times[3] - times[0] < 3 * 0.9  # not an attempt and then a pause


@pytest.mark.parametrize("how", ["socket", "engine", "abort"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_disconnect_by_the_server_is_a_loss(
    world: World, transport: Transport, how: str
) -> None:
    """C-CONN-4: however the server ends a connection, it is told at once, and comes back."""
    heard = Heard()
    async with source(world.url, heard, transports=(transport,)) as socket:
        await until(lambda: socket.connected)
        await world.control.call("POST", "/connections/drop", {"how": how})
        await until(lambda: heard.losses)
        await until(lambda: heard.connections == 2)
        assert [refused for _, refused in heard.losses] == [False]
        assert socket.last_error is None


async def test_the_loss_is_told_before_the_goodbye(world: World) -> None:
    """C-CONN-2: when `lost` is called, `connected` is no longer true."""
    seen: list[bool] = []

    class Asking(Heard):
        def lost(self, cause: str, refused: bool) -> None:
            super().lost(cause, refused)
            seen.append(socket.connected)

    heard = Asking()
    async with source(world.url, heard) as socket:
        await until(lambda: socket.connected)
        await world.control.call("POST", "/connections/drop", {"how": "socket"})
        await until(lambda: seen)
        assert seen == [False]
        assert heard.losses == [("ChatEngine ended the connection", False)]


async def test_every_attempt_has_a_valid_token() -> None:
    """C-CONN-5: whenever a token ends while the server is away, the next attempt has a new one."""
    now = 1_800_000_000.0
    auths: list[dict[str, Any]] = []

    async def script(peer: Peer) -> None:
        nonlocal now
        auths.append(await peer.let_in())
        verify(auths[-1]["token"], TokenRules(SECRET), now=now)
        now += 1000

    minted = MintedTokens(
        TokenConfig(secret=SECRET), workspace_id="w-1", user_id="agent-1", clock=lambda: now
    )
    async with scripted(script) as url, source(url, token_source=minted):
        await until(lambda: len(auths) == 6)
    assert {auth["workspaceId"] for auth in auths} == {"w-1"}
    # 3600 s are enough for 0, 1000, 2000 and 3000; the next is another token.
    assert [len(list(same)) for _, same in itertools.groupby(a["token"] for a in auths)] == [4, 2]


async def test_a_token_that_ends_during_an_outage_is_no_refusal(world: World) -> None:
    """C-CONN-5: a token of two seconds, a server away for longer; its return is no refusal."""
    heard = Heard()
    short = MintedTokens(
        TokenConfig(secret=SECRET, ttl_seconds=2), workspace_id="w-1", user_id="agent-1"
    )
    async with (
        running_proxy(ProxySettings(target=target(world.url))) as proxy,
        source(proxy.url, heard, token_source=short) as socket,
    ):
        await until(lambda: socket.connected)
        proxy.refuse()
        proxy.cut_all()
        begin_s = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > begin_s + 2.1)
        proxy.heal()
        await until(lambda: socket.connected)
    assert not any(refused for _, refused in heard.losses)


async def test_a_refused_token_is_not_hammered(world: World) -> None:
    """C-CONN-6: at most one CONNECT a second, the state says why, and a good token mends it."""
    times: list[float] = []
    given = tokens("another secret").token

    async def ask() -> str:
        times.append(asyncio.get_running_loop().time())
        return await given()

    heard = Heard()
    async with source(world.url, heard, token_source=AskedTokens(ask)) as socket:
        await until(lambda: len(heard.losses) == 3)
        assert socket.state is ConnectionState.UNAUTHORIZED
        assert socket.last_error == UNAUTHORIZED
        given = tokens().token
        await until(lambda: socket.connected)
    assert heard.losses == [(UNAUTHORIZED, True)] * 3
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            '44{"message":"no","data":{"code":"forbidden"}}',
            "ChatEngine refused the connection: forbidden, no "
            "(check that the token is of this workspace)",
        ),
        (
            '44{"message":"Invalid namespace"}',
            "ChatEngine refused the connection: Invalid namespace",
        ),
        ('44"go\\u001b away"', "ChatEngine refused the connection: go  away"),
        (
            '44{"message":{},"data":[1]}',
            "ChatEngine refused the connection: without a reason",
        ),
        (
            '44{"message":"' + "x" * 300 + '"}',
            "ChatEngine refused the connection: " + "x" * 200 + "...",
        ),
    ],
)
async def test_a_refusal_says_why(answer: str, sentence: str) -> None:
    """C-CONN-6: whatever data a CONNECT_ERROR has, it is a refusal, quoted harmlessly."""

    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.receive()
        await peer.send(answer)
        await peer.rest()

    heard = Heard()
    async with scripted(script) as url, source(url, heard) as socket:
        await until(lambda: heard.losses)
        assert heard.losses == [(sentence, True)]
        assert (socket.state, socket.last_error) == (ConnectionState.UNAUTHORIZED, sentence)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_handshake_is_a_refusal(world: World, status: int) -> None:
    """C-CONN-6: a gateway that answers the handshake with 401 or 403 is not hammered either."""
    await world.control.call("PUT", "/faults/refusal", {"status": status})
    heard = Heard()
    async with source(world.url, heard) as socket:
        await until(lambda: heard.losses)
        assert socket.state is ConnectionState.UNAUTHORIZED
        assert heard.losses == [
            (f"ChatEngine refused the connection ({status}): check the token and who may in", True)
        ]
        await world.control.call("DELETE", "/faults")
        await until(lambda: socket.connected)


async def test_an_expired_token_is_not_sent(world: World) -> None:
    """C-CONN-5, C-CONN-6: a token that has ended is as good as a refusal, without a call."""
    past = MintedTokens(
        TokenConfig(secret=SECRET, claims={"exp": 1}), workspace_id="w-1", user_id="agent-1"
    )
    heard = Heard()
    async with source(world.url, heard, token_source=past) as socket:
        await until(lambda: heard.losses)
        assert heard.losses == [("the token has expired: sign in again", True)]
        assert socket.state is ConnectionState.UNAUTHORIZED
    assert await world.control.call("GET", "/connections") == []


async def test_a_source_without_a_token_is_asked_again(world: World) -> None:
    """A callable that raises or hangs is a failed attempt, which says so; the next asks again."""
    calls = 0

    async def ask() -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("secret things")
        if calls == 2:
            await asyncio.Event().wait()
        return await tokens().token()

    heard = Heard()
    timing = Timing(reconnect_delay_ms=20, connect_timeout_ms=100)
    async with source(world.url, heard, token_source=AskedTokens(ask), timing=timing) as socket:
        await until(lambda: socket.connected)
    assert heard.losses == [
        ("no token: the function that gives it raised RuntimeError", False),
        ("no token: the function that gives it did not answer in time", False),
    ]


async def test_pauses_double_up_to_the_longest() -> None:
    """C-CONN-3: a server that lets in and hangs up at once is called less and less often.

    A connection that lived for moments is no success that would begin the pauses anew.
    """
    times: list[float] = []

    async def script(peer: Peer) -> None:
        times.append(asyncio.get_running_loop().time())
        await peer.let_in()

    heard = Heard()
    async with scripted(script) as url, source(url, heard):
        await until(lambda: len(times) == 7)
    pauses_ms = [1000 * (later - earlier) for earlier, later in itertools.pairwise(times)]
    wanted_ms = [20, 40, 80, 160, 200, 200]
    assert all(was >= due - 1 for was, due in zip(pauses_ms, wanted_ms, strict=True)), pauses_ms
    assert heard.connections >= 6


async def test_a_connection_that_lasted_begins_the_pauses_anew(world: World) -> None:
    """C-CONN-3: after a while of peace a loss is mended as quickly as the first."""
    heard = Heard()
    timing = Timing(reconnect_delay_ms=50, reconnect_delay_max_ms=1500)
    async with (
        running_proxy(ProxySettings(target=target(world.url))) as proxy,
        source(proxy.url, heard, timing=timing, started=False) as socket,
    ):
        loop = asyncio.get_running_loop()
        proxy.refuse()
        socket.start()
        await until(lambda: len(heard.losses) == 6)
        proxy.heal()
        await until(lambda: socket.connected)
        since_s = loop.time()
        await until(lambda: loop.time() > since_s + 1.6)
        proxy.cut_all()
        await until(lambda: not socket.connected)
        lost_s = loop.time()
        await until(lambda: socket.connected)
        assert loop.time() - lost_s < 1.4  # not the longest pause, which was due


async def test_jitter_spreads_the_attempts() -> None:
    """C-CONN-3: with the least of jitter a pause is half as long as with the most."""
    times: list[float] = []

    async def script(peer: Peer) -> None:
        times.append(asyncio.get_running_loop().time())
        await peer.let_in()

    timing = Timing(reconnect_delay_ms=600, reconnect_delay_max_ms=600)
    draws = iter([0.0, 1.0, 0.0, 1.0])
    async with scripted(script) as url, source(url, timing=timing, random=lambda: next(draws)):
        await until(lambda: len(times) == 4)
    short, long, shorter = (later - earlier for earlier, later in itertools.pairwise(times))
    assert 0.299 <= short < 0.599 <= long
    assert shorter < long


def test_nothing_is_done_before_the_start() -> None:
    """C-CONN-1: made outside of any event loop, it does nothing at all."""
    config = ChatEngineConfig(url="http://127.0.0.1:9")
    socket = SocketSource(config, "w-1", tokens(), QUICK, Heard())
    assert socket.state is ConnectionState.DISCONNECTED
