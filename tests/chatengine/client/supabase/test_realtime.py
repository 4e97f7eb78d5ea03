"""The connection: kept over any loss, closed when nothing is wanted, hurt by nothing that comes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
from aiohttp import WSMsgType
from msgspec.structs import replace

from chatengine.client.config import SupabaseConfig, Timing
from chatengine.client.core.shapes import ConnectionState
from chatengine.client.supabase import RealtimeSource, phoenix, refusals
from tests.chatengine.client.supabase.heard import BINDINGS, Heard
from tests.chatengine.client.supabase.scripted import (
    Frame,
    Peer,
    ScriptedServer,
    accept,
    refuse,
    running_script,
    say_nothing,
)
from tests.waiting import until

KEY = "an+anon key"

QUICK = Timing(
    reconnect_delay_ms=40,
    reconnect_delay_max_ms=200,
    connect_timeout_ms=300,
    join_timeout_ms=300,
    heartbeat_ms=60_000,
)


class World:
    """A source, what its listener heard, and the server it talks to."""

    def __init__(self, server: ScriptedServer, source: RealtimeSource, heard: Heard) -> None:
        self.server = server
        self.source = source
        self.heard = heard

    def watch(self, *topics: str) -> None:
        for topic in topics or ("t",):
            self.source.watch(topic, BINDINGS)

    def shows(self, state: ConnectionState, why: str | None = None) -> bool:
        """Whether this is what the source says of itself now."""
        return (self.source.state, self.source.last_error) == (state, why)

    async def serves(self, *topics: str) -> Peer:
        """Wait until exactly these topics serve; the connection."""
        await until(lambda: self.source.serving == frozenset(topics or ("t",)))
        return self.server.open[-1]

    async def hears(self, what: str, times: int = 1) -> None:
        await until(lambda: [told for told, _ in self.heard.told].count(what) >= times)


@asynccontextmanager
async def running(
    timing: Timing = QUICK, access_token: Callable[[], Awaitable[str]] | None = None
) -> AsyncIterator[World]:
    """A started source; nothing of it is left at the end, whatever happened (C-FBK-8)."""
    before = asyncio.all_tasks()
    async with running_script() as server:
        heard = Heard()
        config = SupabaseConfig(url=server.url, anon_key=KEY)
        source = RealtimeSource(config, timing, heard, access_token, random=lambda: 0.0)
        source.start()
        try:
            yield World(server, source, heard)
        finally:
            await source.stop()
            await until(lambda: not server.open)
        assert source.state is ConnectionState.DISCONNECTED
    mine = {asyncio.current_task()}
    await until(lambda: asyncio.all_tasks() <= before | mine)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as world:
        yield world


async def test_serving(world: World) -> None:
    """C-FBK-1: a watched topic is joined with key and bindings, and its rows come."""
    assert world.shows(ConnectionState.DISCONNECTED)
    world.watch()
    peer = await world.serves()
    assert world.shows(ConnectionState.CONNECTED)
    assert world.heard.told == [("serving", "t")]
    assert world.server.attempts[0][1] == {"apikey": KEY, "vsn": "2.0.0"}
    (join,) = peer.frames
    assert join[2:] == ["realtime:t", "phx_join", join[4]]
    assert join[4]["access_token"] == KEY
    await peer.changes("t", {"id": "r"})
    await until(lambda: world.heard.rows == [{"id": "r"}])


async def test_no_connection_without_a_wish() -> None:
    """C-CONN-1, C-FBK-3: no connection before a topic is watched, nor after the last one is."""
    async with running() as world:
        assert world.server.attempts == []
        world.watch("a", "b")
        peer = await world.serves("a", "b")
        world.source.unwatch("a")
        await until(lambda: len(peer.of("phx_leave")) == 1)
        assert not peer.socket.closed
        world.source.unwatch("b")
        await until(lambda: peer.socket.closed)
        assert [frame[2] for frame in peer.of("phx_leave")] == ["realtime:a", "realtime:b"]
        assert "lost" not in dict(world.heard.told)
        world.watch("c")
        await world.serves("c")
        assert len(world.server.peers) == 2


async def test_a_start_twice(world: World) -> None:
    """A second start makes no second connection; after a stop another start serves again."""
    world.source.start()
    world.watch()
    await world.serves()
    assert len(world.server.open) == 1
    await world.source.stop()
    await world.source.stop()
    await until(lambda: not world.server.open)
    assert world.source.serving == frozenset()
    world.source.start()
    await world.serves()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 4000])
async def test_a_close_by_the_server(world: World, code: int) -> None:
    """C-CONN-4's measure: every close is a loss, and the topics are joined again, once each."""
    world.watch("a", "b")
    peer = await world.serves("a", "b")
    await peer.socket.close(code=code)
    await world.hears("serving", 4)
    assert world.heard.told[2] == ("lost", f"Supabase closed the connection ({code})")
    assert len(world.server.open) == 1
    assert len(world.server.open[0].of("phx_join")) == 2


async def test_a_broken_connection(world: World) -> None:
    """C-FBK-4: a connection without a close frame is a loss, and `serving` says when to fetch."""
    world.watch()
    peer = await world.serves()
    peer.breaks()
    await world.hears("serving", 2)
    assert ("lost", "the connection to Supabase broke") in world.heard.told


async def test_never_giving_up() -> None:
    """C-CONN-3's measure: however often the server is gone, it is tried again."""
    async with running(replace(QUICK, reconnect_delay_ms=4, reconnect_delay_max_ms=8)) as world:
        world.server.handshakes.extend([502] * 30)
        world.watch()
        await world.serves()
        assert [what for what, _ in world.heard.told] == ["lost"] * 30 + ["serving"]


async def test_backoff(world: World) -> None:
    """C-CONN-3's measure: each attempt keeps more distance than the last, up to a bound."""
    world.server.handshakes.extend([502] * 5)
    world.watch()
    await world.serves()
    moments = [moment for moment, _ in world.server.attempts]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    least = [0.02, 0.04, 0.08, 0.1, 0.1]  # what QUICK doubles, without the part that is by chance
    assert all(gap >= bound for gap, bound in zip(gaps, least, strict=True))


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_a_refused_handshake(world: World, status: int) -> None:
    """C-CONN-6's measure: a refusal is said, and tried again no sooner than a second later."""
    world.server.handshakes.append(status)
    world.watch()
    await world.hears("lost")
    assert world.shows(ConnectionState.UNAUTHORIZED, refusals.handshake(status))
    assert KEY not in refusals.handshake(status)
    await world.serves()
    (first, _), (second, _) = world.server.attempts
    assert second - first >= 1
    assert world.shows(ConnectionState.CONNECTED)


async def test_a_wish_that_flaps_around_a_refusal(world: World) -> None:
    """C-CONN-6's measure: taking a wish back and having it again hammers nobody."""
    world.server.handshakes.append(401)
    world.watch()
    await world.hears("lost")
    world.source.unwatch("t")
    await past(0.1)
    world.watch()
    await world.serves()
    (first, _), (second, _) = world.server.attempts
    assert second - first >= 1


async def test_a_wish_after_a_long_time() -> None:
    """C-FBK-2: a new wish does not wait for the end of a delay that was meant for an older one."""
    slow = replace(QUICK, reconnect_delay_ms=20_000, reconnect_delay_max_ms=20_000)
    async with running(slow) as world:
        world.server.handshakes.append(502)
        world.watch()
        await world.hears("lost")
        world.source.unwatch("t")
        await past(1.1)
        assert world.shows(ConnectionState.DISCONNECTED)
        world.watch()
        await world.serves()


async def past(seconds: float) -> None:
    """Wait until so much time is over: what is waited for is that nothing happens in it."""
    moment = asyncio.get_running_loop().time() + seconds
    await until(lambda: asyncio.get_running_loop().time() > moment)


async def test_a_server_that_is_not_there() -> None:
    """No server: the state says so, and stopping leaves nothing."""
    heard = Heard()
    config = SupabaseConfig(url="http://127.0.0.1:9", anon_key=KEY)
    source = RealtimeSource(config, QUICK, heard)
    source.start()
    source.watch("t", BINDINGS)
    await until(lambda: len(heard.told) > 2)
    why = "Supabase cannot be reached (Connection refused): check its URL and the network"
    assert (source.state, source.last_error) == (ConnectionState.CONNECTING, why)
    await source.stop()
    assert (source.state, source.last_error) == (ConnectionState.DISCONNECTED, None)


async def test_a_silent_server(world: World) -> None:
    """A server that takes the connection and says nothing is given up after a while."""

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until(lambda: ending.is_set(), within_s=30)
        writer.close()

    ending = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    heard = Heard()
    config = SupabaseConfig(url=f"http://127.0.0.1:{port}", anon_key=KEY)
    source = RealtimeSource(config, QUICK, heard)
    source.start()
    source.watch("t", BINDINGS)
    await until(lambda: heard.told)
    assert heard.told[0] == ("lost", "Supabase did not answer in time")
    await source.stop()
    ending.set()
    server.close()
    await server.wait_closed()


async def test_unanswered_heartbeats() -> None:
    """C-CONN-8's measure: a half-open connection is noticed, dropped and replaced."""
    async with running(replace(QUICK, heartbeat_ms=50, join_timeout_ms=100)) as world:
        world.server.heartbeats = False
        world.watch()
        peer = await world.serves()
        await world.hears("lost")
        world.server.heartbeats = True
        assert world.heard.told[1] == ("lost", "Supabase did not answer a heartbeat")
        assert len(peer.of("heartbeat")) <= 3
        await world.serves()


async def test_heartbeats() -> None:
    """Answered heartbeats keep one connection."""
    async with running(replace(QUICK, heartbeat_ms=20)) as world:
        world.watch()
        peer = await world.serves()
        await until(lambda: len(peer.of("heartbeat")) > 10)
        assert world.heard.told == [("serving", "t")]


async def test_a_refused_join(world: World) -> None:
    """C-FBK-2: a refused channel says why and what to do, while others serve, and recovers."""
    world.server.joins.append(refuse("RealtimeDisabledForTenant: Realtime disabled"))
    world.watch("a", "b")
    await world.serves("b")
    assert world.heard.reasons == [
        "Supabase refused the channel: RealtimeDisabledForTenant: Realtime disabled "
        "(restore the project in its dashboard)"
    ]
    assert world.shows(ConnectionState.UNAUTHORIZED, world.heard.reasons[0])
    await world.serves("a", "b")
    assert world.shows(ConnectionState.CONNECTED)


async def test_a_mismatch(world: World) -> None:
    """The answer to a join with other bindings than were asked for is retried, not trusted."""

    async def mismatch(peer: Peer, join: Frame) -> None:
        join[4]["config"]["postgres_changes"].reverse()
        await accept(peer, join)

    world.server.joins.append(mismatch)
    world.watch()
    await world.hears("refused")
    assert world.heard.reasons == [refusals.MISMATCH]
    peer = await world.serves()
    assert [frame[3] for frame in peer.frames] == ["phx_join", "phx_leave", "phx_join"]


async def test_an_unanswered_join(world: World) -> None:
    """A join that is not answered is asked for again on the same connection."""
    world.server.joins.append(say_nothing)
    world.watch()
    peer = await world.serves()
    assert [frame[3] for frame in peer.frames] == ["phx_join", "phx_leave", "phx_join"]
    assert world.heard.reasons == ["Supabase did not answer the join within 0.3 s"]


async def test_a_subscription_that_does_not_come(world: World) -> None:
    """C-FBK-4: joined without a subscription is not served; it is joined anew."""
    world.server.joins.append(Peer.binds)
    world.watch()
    await world.hears("refused")
    assert world.shows(ConnectionState.CONNECTING, world.heard.reasons[0])
    assert world.heard.reasons == ["the database subscription was not there within 0.3 s"]
    await world.serves()
    assert [what for what, _ in world.heard.told] == ["refused", "serving"]


async def test_a_subscription_that_fails(world: World) -> None:
    """A `system` error looks joined and is deaf: the state says so, and it is joined anew."""

    async def deaf(peer: Peer, join: Frame) -> None:
        await peer.binds(join)
        await peer.tells(join, "error", "Unable to subscribe to changes")

    world.server.joins.append(deaf)
    world.watch()
    await world.hears("refused")
    why = (
        "Supabase does not serve the channel: Unable to subscribe to changes "
        "(enable Realtime for the table, and check its columns)"
    )
    assert world.shows(ConnectionState.UNAUTHORIZED, why)
    await world.serves()


async def test_expiry() -> None:
    """C-CONN-5's measure: after an expiry a fresh token is asked for before the next join."""
    tokens = iter(f"token-{number}" for number in range(100))

    async def fresh() -> str:
        return next(tokens)

    async with running(access_token=fresh) as world:
        world.watch()
        peer = await world.serves()
        (join,) = peer.of("phx_join")
        assert join[4]["access_token"] == "token-0"
        await peer.tells(join, "error", "Token has expired 1 seconds ago", "system")
        await peer.says(join[0], join[0], join[2], "phx_close", {})
        await world.hears("serving", 2)
        assert [join[4]["access_token"] for join in peer.of("phx_join")] == ["token-0", "token-1"]
        assert len(world.server.peers) == 1


async def test_a_renewed_token() -> None:
    """A token that was renewed meanwhile is pushed at the next heartbeat, and once."""
    current = ["old"]

    async def now_valid() -> str:
        return current[0]

    async with running(replace(QUICK, heartbeat_ms=20), now_valid) as world:
        world.watch()
        peer = await world.serves()
        await until(lambda: peer.of("heartbeat"))
        current[0] = "new"
        await until(lambda: peer.of("access_token"))
        beats = len(peer.of("heartbeat"))
        await until(lambda: len(peer.of("heartbeat")) > beats + 3)
        (pushed,) = peer.of("access_token")
        assert pushed[0] == peer.of("phx_join")[0][0]
        assert pushed[4] == {"access_token": "new"}


async def test_a_token_that_cannot_be_had() -> None:
    """A source of tokens that fails or hangs is a refusal that is said, and asked again."""
    calls = 0

    async def troubled() -> str:
        nonlocal calls
        calls += 1
        match calls:
            case 1:
                raise KeyError("SECRET")
            case 2:
                await asyncio.Event().wait()
        return "token"

    async with running(access_token=troubled) as world:
        world.watch()
        await world.hears("lost")
        why = "no access token for Supabase could be had (KeyError): sign in again"
        assert world.shows(ConnectionState.UNAUTHORIZED, why)
        assert world.server.attempts == []
        await world.hears("lost", 2)
        assert world.heard.told[1][1] == why.replace("KeyError", "TimeoutError")
        await until(lambda: world.source.serving, within_s=10)


async def test_a_renewal_that_fails() -> None:
    """A token that cannot be renewed serves on until it is refused."""
    calls = 0

    async def once() -> str:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ConnectionError
        return "token"

    async with running(replace(QUICK, heartbeat_ms=20), once) as world:
        world.watch()
        peer = await world.serves()
        await until(lambda: calls > 1)
        assert world.shows(ConnectionState.CONNECTED)
        (join,) = peer.of("phx_join")
        await peer.tells(join, "error", "Token has expired", "system")
        await until(lambda: calls > 2)
        why = "no access token for Supabase could be had (ConnectionError): sign in again"
        await until(lambda: world.shows(ConnectionState.UNAUTHORIZED, why))


async def test_a_broken_channel(world: World) -> None:
    """phx_error of one channel: it alone is joined again, on the same connection."""
    world.watch("a", "b")
    peer = await world.serves("a", "b")
    join = peer.of("phx_join")[0]
    await peer.says(join[0], join[0], join[2], "phx_error", {})
    await world.hears("serving", 3)
    assert [frame[2] for frame in peer.of("phx_join")][2:] == ["realtime:a"]
    assert len(world.server.peers) == 1


async def test_hostile_frames(world: World) -> None:
    """C-MSG-7: what is no frame is dropped and counted; the connection and what follows live."""
    world.watch()
    peer = await world.serves()
    hostile = ["", "null", "[]", "{", '["\ud800"]', "[" * 100_000, "x" * (phoenix.MOST_BYTES + 1)]
    for text in hostile:
        await peer.socket.send_frame(text.encode("utf-8", "surrogatepass"), WSMsgType.TEXT)
    await peer.socket.send_frame(b"\xff\xfe", WSMsgType.TEXT)
    await peer.socket.send_bytes(b"\x00\x01")
    await peer.says(None, None, "realtime:t", "postgres_changes", None)
    await peer.changes("t", None)
    await peer.says(None, None, "realtime:t", "no such event", None)
    await peer.changes("t", {"id": "r"})
    await until(lambda: world.heard.rows == [{"id": "r"}])
    assert world.source.malformed == len(hostile) + 4
    assert world.heard.told == [("serving", "t")]


async def test_a_message_without_end(world: World) -> None:
    """A message larger than memory allows ends the connection, and a new one serves."""
    world.watch()
    peer = await world.serves()
    with suppress(ConnectionError):
        await peer.socket.send_frame(b"x" * (33 * 1024 * 1024), WSMsgType.TEXT)
    await world.hears("serving", 2)
    why = "Supabase sent what is no WebSocket message, or one without end (1009)"
    assert world.heard.told[1] == ("lost", why)


async def test_a_listener_that_fails(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A listener's own error is logged; the source serves on."""

    def fail(told: object) -> None:
        raise RuntimeError("the listener's own")

    world.heard.hook = fail
    world.watch()
    peer = await world.serves()
    await peer.changes("t", {"id": "r"})
    await until(lambda: world.heard.rows)
    assert len([record for record in caplog.records if record.exc_info]) == 2


async def test_a_listener_that_unwatches(world: World) -> None:
    """C-FBK-8: a listener may take back its wish while it is being told."""
    world.heard.hook = lambda told: world.source.unwatch("t")
    world.watch()
    await until(lambda: world.server.peers and world.server.peers[0].socket.closed)
    assert [frame[3] for frame in world.server.peers[0].frames] == ["phx_join", "phx_leave"]


async def test_unwatching_during_a_join(world: World) -> None:
    """C-FBK-8: a join under way is left, and the connection closed."""
    world.server.joins.append(say_nothing)
    world.watch()
    await until(lambda: world.server.peers and world.server.peers[0].of("phx_join"))
    world.source.unwatch("t")
    await until(lambda: world.server.peers[0].socket.closed)
    assert [frame[3] for frame in world.server.peers[0].frames] == ["phx_join", "phx_leave"]
    assert world.heard.told == []


async def test_flapping(world: World) -> None:
    """C-FBK-8: wishes that come and go leave one connection, and none at the end."""
    for number in range(50):
        world.watch("a", "b")
        if number % 3 == 0:
            await world.serves("a", "b")
        world.source.unwatch("a")
        if number % 2 == 0:
            await asyncio.sleep(0)
        world.source.unwatch("b")
    world.watch("c")
    await world.serves("c")
    await until(lambda: len(world.server.open) == 1)
    await world.source.stop()
    await until(lambda: not world.server.open)


async def test_stopping_at_any_moment() -> None:
    """C-CONN-7's measure: a stop leaves no socket, task or timer, wherever the join stands."""
    for yields in range(60):
        async with running() as world:
            world.watch("a", "b")
            for _ in range(yields):
                await asyncio.sleep(0)


async def test_many_topics(world: World) -> None:
    """Many topics are joined on one connection, without waiting for one another."""
    topics = [f"t-{number}" for number in range(30)]
    world.watch(*topics)
    peer = await world.serves(*topics)
    assert len(peer.of("phx_join")) == 30
