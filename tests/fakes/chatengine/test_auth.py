"""S-AUTH: who gets in, by socket and by HTTP (contract, sections 2 and 3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import socketio
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec.structs import replace

from chatengine import events
from tests.fakes.chatengine.world import JID, SECRET, SETTINGS, World, running

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = int(time.time())
CLAIMS = {"workspace_id": "w-1", "sub": "agent-1", "iat": NOW, "exp": NOW + 3600}


def signed(secret: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    kept = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(kept, secret, algorithm=algorithm)


def rsa_signed() -> str:
    return signed(rsa.generate_private_key(65537, 2048), "RS256")


UNAUTHORIZED = {
    "S-AUTH-1 no auth at all": None,
    "S-AUTH-1 no token": {"workspaceId": "w-1"},
    "S-AUTH-1 an empty token": {"token": "", "workspaceId": "w-1"},
    "S-AUTH-2 garbage": {"token": "garbage", "workspaceId": "w-1"},
    "S-AUTH-2 garbage in three parts": {"token": "a.b.c", "workspaceId": "w-1"},
    "S-AUTH-2 a number": {"token": 7, "workspaceId": "w-1"},
    "S-AUTH-2 an object": {"token": {"a": 1}, "workspaceId": "w-1"},
    "S-AUTH-3 another secret": {"token": signed("x" * 32), "workspaceId": "w-1"},
    "S-AUTH-4 alg none": {"token": signed(None, "none"), "workspaceId": "w-1"},
    "S-AUTH-4 HS512": {"token": signed(algorithm="HS512"), "workspaceId": "w-1"},
    "S-AUTH-4 RS256": {"token": rsa_signed(), "workspaceId": "w-1"},
    "S-AUTH-5 expired": {"token": signed(exp=NOW - 1), "workspaceId": "w-1"},
    "S-AUTH-5 never expires": {"token": signed(exp=None), "workspaceId": "w-1"},
    "S-AUTH-9 not yet valid": {"token": signed(nbf=NOW + 600), "workspaceId": "w-1"},
}
FORBIDDEN = {
    "S-AUTH-6 no workspace": {"token": signed(workspace_id=None), "workspaceId": "w-1"},
    "S-AUTH-6 a workspace that is no name": {"token": signed(workspace_id=True), "workspaceId": 1},
    "S-AUTH-7 another workspace": {"token": signed(), "workspaceId": "w-2"},
    "S-AUTH-7 no workspaceId": {"token": signed()},
}
REFUSED = [("unauthorized", *case) for case in UNAUTHORIZED.items()] + [
    ("forbidden", *case) for case in FORBIDDEN.items()
]


async def refusal_of(world: World, auth: object) -> Any:
    crm = world.crm()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await crm.connect(world.url, auth)
    assert crm.received == []
    return crm.refusal


@pytest.mark.parametrize(
    ("code", "auth"), [case[::2] for case in REFUSED], ids=[case[1] for case in REFUSED]
)
async def test_a_bad_token_is_refused_with_its_code(world: World, code: str, auth: object) -> None:
    """A refused CONNECT answers a sentence and the code, and delivers no event."""
    refusal = await refusal_of(world, auth)
    assert refusal["data"] == {"code": code}
    assert refusal["message"]
    assert SECRET not in refusal["message"]


@pytest.mark.parametrize("claim", ["workspace_id", "workspaceId", "workspace"])
@pytest.mark.parametrize("subject", ["sub", "user_id", "userId"])
async def test_aliases_of_claims(world: World, claim: str, subject: str) -> None:
    """S-AUTH-8: each alias of the workspace's and of the user's claim is accepted."""
    other = await world.agent(subscribed_to=JID)
    aliased: dict[str, Any] = {"workspace_id": None, "sub": None, claim: "w-1", subject: "agent-7"}
    crm = world.crm()
    await crm.connect(world.url, {"token": signed(**aliased), "workspaceId": "w-1"})
    await crm.client.emit(events.TYPING, {"conversationId": JID, "isTyping": True})
    (typing,) = await other.get(events.TYPING)
    assert typing["userId"] == "agent-7"


async def test_a_numbered_workspace(world: World) -> None:
    """S-AUTH-8: the claim 42 is the workspace "42"."""
    crm = world.crm()
    await crm.connect(world.url, {"token": signed(workspace_id=42), "workspaceId": "42"})
    assert crm.client.connected


@pytest.mark.parametrize(
    ("claims", "admitted"),
    [
        ({"iss": "crm", "aud": "chatengine"}, True),
        ({"iss": "crm", "aud": ["other", "chatengine"]}, True),
        ({"iss": "another", "aud": "chatengine"}, False),
        ({"iss": "crm", "aud": "another"}, False),
        ({"aud": "chatengine"}, False),
        ({"iss": "crm"}, False),
    ],
)
async def test_issuer_and_audience(claims: Mapping[str, Any], admitted: bool) -> None:
    """S-AUTH-10: where an issuer and an audience are configured, a token of others is refused."""
    async with running(replace(SETTINGS, issuer="crm", audience="chatengine")) as world:
        auth = {"token": signed(**claims), "workspaceId": "w-1"}
        if admitted:
            crm = world.crm()
            await crm.connect(world.url, auth)
            assert crm.client.connected
        else:
            assert (await refusal_of(world, auth))["data"] == {"code": "unauthorized"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/chat/conversations"),
        ("GET", "/api/chat/messages?conversationId=x"),
        ("POST", "/api/chat/messages"),
        ("POST", "/api/chat/attachments"),
        ("GET", "/api/chat/messages/evo-1/context"),
    ],
)
async def test_every_chat_call_needs_a_token(world: World, method: str, path: str) -> None:
    """S-HTTP-2: 401 without a valid token, 403 without a workspace, before anything else."""
    for token in (None, "garbage", signed("x" * 32), signed(exp=NOW - 1)):
        status, body = await world.call(method, path, token=token)
        assert status == 401
        assert isinstance(body["error"], str)
    status, body = await world.call(method, path, token=signed(workspace_id=None))
    assert (status, list(body)) == (403, ["error"])
    async with world.session.request(method, world.url + path) as response:
        assert response.headers["WWW-Authenticate"] == "Bearer"
    for header in ("Basic abc", "Bearer", CLAIMS["sub"]):
        status, _ = await world.call(method, path, headers={"Authorization": header})
        assert status == 401
