"""Who may open a WebSocket, and how everybody else is refused: over HTTP, with `{"error"}`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from fakes.environment import Secret
from fakes.supabase import Limits, Timing
from fakes.supabase.faults import HandshakeRefused
from fakes.supabase.keys import Keys
from tests.fakes.supabase.world import SETTINGS, running

if TYPE_CHECKING:
    from tests.fakes.supabase.world import World

NOT_A_JWT = "The token provided is not a valid JWT"


async def test_no_key(world: World) -> None:
    """Without an API key the handshake is 401."""
    url = f"{world.supabase.url}/realtime/v1/websocket?vsn=1.0.0"
    assert await world.refused(url) == (401, {"error": "API key is missing"})


@pytest.mark.parametrize("key", ["garbage", "a.b.c", "sb_publishable_x"])
async def test_a_key_that_is_no_jwt(world: World, key: str) -> None:
    """A key that is no JWT is 401."""
    assert await world.refused(world.socket_url(key)) == (401, {"error": NOT_A_JWT})


async def test_a_key_of_another_project(world: World) -> None:
    """A key under another secret is 401."""
    other = Keys(Secret("the-secret-of-another-project-32-chars")).anon("w-1")
    assert await world.refused(world.socket_url(other)) == (
        401,
        {"error": "Failed to validate JWT signature"},
    )


async def test_an_expired_key(world: World) -> None:
    """An expired key is 401."""
    assert await world.refused(world.socket_url(world.token("anon", ttl_s=-5))) == (
        401,
        {"error": "Token has expired"},
    )


async def test_a_key_without_its_claims(world: World) -> None:
    """A key needs a role and an expiry."""
    for key in (world.token(None), world.token("anon", exp=None)):
        assert await world.refused(world.socket_url(key)) == (
            401,
            {"error": "Fields `role` and `exp` are required in JWT"},
        )


async def test_an_expiry_that_is_no_number(world: World) -> None:
    """An expiry that is no number is nobody's case: 500, as in Realtime."""
    key = world.token("anon", exp="tomorrow")
    assert await world.refused(world.socket_url(key)) == (
        500,
        {"error": "Error connecting to Realtime"},
    )


async def test_a_fractional_expiry_is_rounded(world: World) -> None:
    """RFC 7519 allows an expiry with a fraction."""
    phoenix = await world.connect(key=world.token("anon", exp=time.time() + 60.5))
    assert (await phoenix.join()).payload["status"] == "ok"


async def test_the_key_may_stand_in_a_header(world: World) -> None:
    """`x-api-key` does as well as the parameter."""
    headers = {"x-api-key": world.supabase.anon_keys["w-1"]}
    url = f"{world.supabase.url}/realtime/v1/websocket"
    async with world.session.ws_connect(url, headers=headers) as ws:
        assert not ws.closed


async def test_an_unknown_version(world: World) -> None:
    """A version of the protocol that nobody speaks is refused."""
    status, body = await world.refused(world.socket_url(version="3.0.0"))
    assert (status, list(body)) == (403, ["error"])


async def test_what_is_no_handshake(world: World) -> None:
    """A plain GET is told so."""
    async with world.session.get(world.socket_url()) as response:
        assert response.status == 400
        assert list(await response.json()) == ["error"]


async def test_a_refused_handshake_takes_its_time() -> None:
    """Realtime lets a refused client wait for its answer."""
    timing = replace(SETTINGS.timing, refused_handshake_ms=100)
    async with running(replace(SETTINGS, timing=timing)) as world:
        began = time.monotonic()
        await world.refused(world.socket_url("garbage"))
        assert time.monotonic() - began >= 0.1
    assert Timing().refused_handshake_ms == 2000


async def test_too_many_users() -> None:
    """Sockets that joined a channel count as users; the next handshake is 429."""
    async with running(replace(SETTINGS, limits=Limits(users=2))) as world:
        first, second, third = [await world.connect() for _ in range(3)]
        await first.join()
        await second.join()
        assert await world.refused(world.socket_url()) == (
            429,
            {"error": "Too many connected users"},
        )
        reply = await third.join()
        assert reply.payload == {
            "status": "error",
            "response": {"reason": "ConnectionRateLimitReached: Too many connected users"},
        }
    assert Limits().users == 200


async def test_too_many_joins_refuse_the_handshake() -> None:
    """While the joins of the second are used up, the handshake is 429."""
    async with running(replace(SETTINGS, limits=Limits(joins=1))) as world:
        await (await world.connect()).join()
        assert await world.refused(world.socket_url()) == (
            429,
            {"error": "Too many joins per second"},
        )


@pytest.mark.parametrize(("status", "message"), [(403, "suspended"), (404, "no tenant")])
async def test_refused_for_a_test(world: World, status: int, message: str) -> None:
    """A handshake is refused as often as a test says, with the status it says."""
    fault: dict[str, Any] = {"fault": "handshakeRefused", "status": status, "message": message}
    await world.control.call("POST", "/faults", fault | {"count": 1})
    assert await world.refused(world.socket_url()) == (status, {"error": message})
    assert (await (await world.connect()).join()).payload["status"] == "ok"


def test_a_status_that_refuses_nothing() -> None:
    """A refusal has a status of refusals."""
    with pytest.raises(ValueError, match="status is from 400 to 599"):
        HandshakeRefused(status=200)
