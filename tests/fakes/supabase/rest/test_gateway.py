"""Keys, tokens, CORS and faults: what stands before the tables."""

from __future__ import annotations

import asyncio
import time

import jwt
import pytest
from aiohttp import ServerDisconnectedError

from fakes.supabase.rest import RestFault
from tests.fakes.supabase.rest.world import KEYS, MINE, THEIRS, World, message
from tests.waiting import until


async def test_no_api_key(world: World) -> None:
    """Without an API key the gateway answers 401, whatever the bearer token is."""
    headers = {"Authorization": f"Bearer {world.user_token()}"}
    async with world.session.get(f"{world.url}/rest/v1/things", headers=headers) as response:
        assert response.status == 401
        assert await response.json() == {
            "message": "No API key found in request",
            "hint": "No `apikey` request header or url param was found.",
        }


@pytest.mark.parametrize(
    "key",
    [
        "garbage",
        "a.b.c",
        KEYS.mint("anon", 0, int(time.time()) - 60),
        KEYS.user(MINE, "agent-1", now=time.time()),
        jwt.encode({"role": "anon", "exp": 2**31}, "another-secret-of-32-characters-or-more"),
    ],
    ids=["garbage", "no token", "expired", "a user's token", "another secret"],
)
async def test_a_bad_api_key(world: World, key: str) -> None:
    """What is no API key of the project is 401 with Supabase's hint."""
    reply = await world.call("GET", "things", key=key)
    assert reply.status == 401
    assert reply.rows == {
        "message": "Invalid API key",
        "hint": "Double check your Supabase `anon` or `service_role` API key.",
    }


async def test_the_api_key_may_be_a_parameter(world: World) -> None:
    """`apikey` in the query does as well as the header, and is no filter."""
    url = f"{world.url}/rest/v1/things?apikey={world.key}"
    async with world.session.get(url) as response:
        assert (response.status, await response.json()) == (200, [])


async def test_the_bearer_says_who_it_is(world: World) -> None:
    """The bearer's role and workspace count; without a bearer, the API key's."""
    world.database.insert("messages", [message(1), message(2, workspace_id=THEIRS)])
    bearer = f"Bearer {world.user_token(THEIRS)}"
    rows = (await world.get("messages", Authorization=bearer)).rows
    assert [row["workspace_id"] for row in rows] == [THEIRS]
    rows = (await world.get("messages", Authorization="Basic abc")).rows
    assert [row["workspace_id"] for row in rows] == [MINE]


@pytest.mark.parametrize(
    ("token", "code", "sentence"),
    [
        ("", "PGRST301", "Empty JWT is sent in Authorization header"),
        ("abc", "PGRST301", "Expected 3 parts in JWT; got 1"),
        ("a.b.c.d", "PGRST301", "Expected 3 parts in JWT; got 4"),
        ("a.b.c", "PGRST301", "JWT cryptographic operation failed"),
        (
            jwt.encode({"role": "anon", "exp": 2**31}, "another-secret-of-32-characters-or-more"),
            "PGRST301",
            "No suitable key or wrong key type",
        ),
        (
            jwt.encode({"role": "anon", "exp": 2**31}, "", algorithm="none"),
            "PGRST301",
            "Wrong or unsupported encoding algorithm",
        ),
        (KEYS.mint("authenticated", 0, int(time.time()) - 5), "PGRST303", "JWT expired"),
        (
            KEYS.mint("authenticated", 0, 0, exp="soon"),
            "PGRST303",
            "The JWT 'exp' claim must be a number",
        ),
    ],
)
async def test_a_bad_bearer(world: World, token: str, code: str, sentence: str) -> None:
    """A bad token is 401, and `WWW-Authenticate` says why too."""
    reply = await world.get("things", Authorization=f"Bearer {token}")
    assert (reply.status, reply.rows["code"], reply.rows["message"]) == (401, code, sentence)
    challenge = f'Bearer error="invalid_token", error_description="{sentence}"'
    assert reply.headers["WWW-Authenticate"] == challenge


async def test_a_role_that_is_not_there(world: World) -> None:
    """A token for an unknown role is 401 with Postgres' sentence."""
    token = KEYS.mint("king", 0, 2**31)
    reply = await world.get("things", Authorization=f"Bearer {token}")
    assert (reply.status, reply.rows["code"]) == (401, "22023")
    assert reply.rows["message"] == 'role "king" does not exist'


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("things", b"Accept: \xff", 406),
        ("things", b"Accept-Profile: \xff", 406),
        ("things", b"Prefer: handling=strict, \xff", 400),
        ("things", b"Range: \xff", 200),
        ("things", b"Authorization: Bearer \xff", 401),
        ("things%ff", b"Accept: */*", 404),
        ("things?a%ff=%ff", b"Accept: */*", 400),
    ],
)
async def test_bytes_that_are_no_text(world: World, path: str, header: bytes, status: int) -> None:
    """Bytes that are no UTF-8 are refused, or passed over, wherever they stand."""
    port = int(world.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET /rest/v1/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    writer.write(f"{request}apikey: {world.key}\r\n".encode() + header + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer


async def test_browsers_may_ask(world: World) -> None:
    """A preflight needs no key and allows what was asked; every answer is for any page."""
    url = f"{world.url}/rest/v1/things"
    wanted = {
        "Origin": "https://crm.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "apikey,authorization,prefer",
    }
    async with world.session.options(url, headers=wanted) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Access-Control-Allow-Headers"] == "apikey,authorization,prefer"
        assert "PATCH" in response.headers["Access-Control-Allow-Methods"].split(",")
    for reply in (
        await world.get("things"),
        await world.get("nowhere"),
        await world.get("things", key=""),
    ):
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Content-Range" in reply.headers["Access-Control-Expose-Headers"].split(", ")


@pytest.mark.parametrize(
    ("status", "code"), [(503, "PGRST002"), (401, "PGRST303"), (520, None), (429, None)]
)
async def test_an_answer_may_be_a_failure(world: World, status: int, code: str | None) -> None:
    """The next requests fail with a status, as many as were said, and are not carried out."""
    world.faults.add(RestFault(status=status, count=2))
    for _ in range(2):
        reply = await world.call("POST", "things", {"name": "x"})
        assert reply.status == status
        assert (reply.rows or {}).get("code") == code
    assert world.database.rows("things") == []
    assert (await world.call("POST", "things", {"name": "x"})).status == 201
    assert world.faults.pending == ()


async def test_a_connection_may_be_cut(world: World) -> None:
    """An aborted request has no answer; with `after` it was carried out all the same."""
    world.faults.add(RestFault(abort=True))
    world.faults.add(RestFault(abort=True, after=True))
    for expected in (0, 1):
        with pytest.raises((ServerDisconnectedError, ConnectionResetError)):
            await world.call("POST", "things", {"name": "x"})
        assert len(world.database.rows("things")) == expected


async def test_an_answer_may_be_late(world: World) -> None:
    """A delay holds the request at hand up, and no other."""
    world.faults.add(RestFault(delay_ms=300, method="GET"))
    began = time.monotonic()
    late = asyncio.create_task(world.get("things"))
    await until(lambda: not world.faults.pending)
    assert (await world.get("things")).status == 200
    assert not late.done()
    assert (await late).status == 200
    assert time.monotonic() - began >= 0.3


async def test_a_fault_may_be_narrow(world: World) -> None:
    """A fault for a method and a table leaves the others alone, until it is cleared."""
    world.faults.add(RestFault(status=503, count=None, method="GET", table="things"))
    assert (await world.get("messages")).status == 200
    assert (await world.call("POST", "things", {})).status == 201
    for _ in range(3):
        assert (await world.get("things")).status == 503
    world.faults.clear()
    assert (await world.get("things")).status == 200


@pytest.mark.parametrize("given", [{"status": 200}, {"delay_ms": -1}, {"count": 0}])
def test_a_fault_that_cannot_be_is_refused(given: dict[str, int]) -> None:
    """A fault that makes no sense is no fault."""
    with pytest.raises(ValueError, match=r"(status|delayMs|count) is"):
        RestFault(**given)  # type: ignore[arg-type]
