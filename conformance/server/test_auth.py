"""S-AUTH: who is let in, and how the others are refused (sections 2 and 3)."""

import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from chatengine import events
from chatengine.packets.socketio import PacketType
from conformance.checks import shows
from conformance.outcomes import NotApplicable, beginning
from conformance.probes.tokens import claims_of, signed, unsigned
from conformance.probes.websocket import RawWebSocket
from conformance.probes.wire import TransportName
from conformance.server.chat import Chat

FAR_S: Final = 600
"""Twice what libraries that allow for clocks that differ allow at most unless told (5 minutes)."""

WRONG_SECRET: Final = "a secret that no server shares with anybody"

MISSING: Final[dict[str, Any]] = {
    "no auth at all": None,
    "no token": {},
    "an empty token": {"token": ""},
    "a token of null": {"token": None},
}
GARBAGE: Final[dict[str, Any]] = {
    "a word": "garbage",
    "three parts": "a.b.c",
    "two dots": "..",
    "parts that are no Base64": "á.b!.c d",
    "a number": 7,
    "an object": {"alg": "HS256"},
    "a list": ["token"],
}
ANOTHER: Final[dict[str, Callable[[str], Any]]] = {
    "another": lambda _: "another",
    "none": lambda _: None,
    "one that has ours within": lambda ours: f"{ours}-staging",
    "a list of others": lambda _: ["another", "one more"],
}
"""What is not the issuer or the audience that is configured (of a list: RFC 7519, 4.1.3)."""


@shows("S-AUTH-1")
@pytest.mark.parametrize("auth", MISSING.values(), ids=MISSING)
async def test_no_token(chat: Chat, transport: TransportName, auth: Any) -> None:
    """A missing token is refused as `unauthorized`, before any event is delivered."""
    if auth is not None:
        auth = auth | {"workspaceId": chat.here.workspace_id}
    await refused(chat, transport, auth, "unauthorized")


@shows("S-AUTH-2")
@pytest.mark.parametrize("token", GARBAGE.values(), ids=GARBAGE)
async def test_garbage(chat: Chat, transport: TransportName, token: Any) -> None:
    """A malformed token is refused as `unauthorized`, before any event is delivered."""
    await refused_token(chat, transport, token, "unauthorized")


@shows("S-AUTH-3")
async def test_another_secret(chat: Chat, transport: TransportName) -> None:
    """A token that another secret signed is refused as `unauthorized`."""
    token = signed(good_claims(chat), WRONG_SECRET)
    await refused_token(chat, transport, token, "unauthorized")


@shows("S-AUTH-3")
async def test_claims_changed_after_signing(chat: Chat, transport: TransportName) -> None:
    """The signature of one set of claims does not do for another."""
    signature = chat.token().rpartition(".")[2]
    forged = unsigned(good_claims(chat) | {"sub": "somebody-else"}, "HS256") + signature
    await refused_token(chat, transport, forged, "unauthorized")


@shows("S-AUTH-3")
async def test_no_signature(chat: Chat, transport: TransportName) -> None:
    """A token that says HS256 and has no signature is refused as `unauthorized`."""
    token = unsigned(good_claims(chat), "HS256")
    await refused_token(chat, transport, token, "unauthorized")


@shows("S-AUTH-4")
@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
async def test_alg_none(chat: Chat, transport: TransportName, algorithm: str) -> None:
    """A token that needs no signature, by its own account, is refused as `unauthorized`."""
    token = unsigned(good_claims(chat), algorithm)
    await refused_token(chat, transport, token, "unauthorized")


@shows("S-AUTH-4")
@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_another_algorithm(chat: Chat, transport: TransportName, algorithm: str) -> None:
    """HS256 and nothing else: another algorithm is refused, though the secret is the right one."""
    token = signed(good_claims(chat), chat.settings.secret, algorithm=algorithm)
    await refused_token(chat, transport, token, "unauthorized")


@shows("S-AUTH-4")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "HS512", "none"])
async def test_an_algorithm_that_was_not_used(
    chat: Chat, transport: TransportName, algorithm: str
) -> None:
    """A header that names another algorithm is refused, though HS256 signed the token."""
    token = signed(good_claims(chat), chat.settings.secret, says=algorithm)
    await refused_token(chat, transport, token, "unauthorized")


@shows("S-AUTH-5")
async def test_expired(chat: Chat, transport: TransportName) -> None:
    """A token that ended a while ago is refused as `unauthorized`."""
    now = int(time.time())
    token = chat.token(claims={"iat": now - 2 * FAR_S, "exp": now - FAR_S})
    await refused_token(chat, transport, token, "unauthorized")


@shows("S-AUTH-6")
async def test_no_workspace(chat: Chat, transport: TransportName) -> None:
    """A good token without a workspace claim is refused as `forbidden`."""
    await refused_token(chat, transport, chat.token(claims={"workspace_id": None}), "forbidden")


@shows("S-AUTH-7")
async def test_another_workspace(chat: Chat, transport: TransportName) -> None:
    """A good token of another workspace than the handshake's is refused as `forbidden`."""
    token = chat.token(claims={"workspace_id": chat.name("w")})
    await refused_token(chat, transport, token, "forbidden")


@shows("S-AUTH-7")
async def test_a_handshake_for_another_workspace(chat: Chat, transport: TransportName) -> None:
    """A good token of this workspace opens no other one, whether or not that is there."""
    here = chat.here.workspace_id
    alike = (f"{here}0", here[:-1], here.swapcase())
    for workspace in ({each.workspace_id for each in chat.numbers} | {*alike, chat.name("w")}) - {
        here
    }:
        auth = {"token": chat.token(), "workspaceId": workspace}
        await refused(chat, transport, auth, "forbidden")


@shows("S-AUTH-8")
@pytest.mark.parametrize("workspace", ["workspace_id", "workspaceId", "workspace"])
@pytest.mark.parametrize("user", ["sub", "user_id", "userId"])
async def test_aliases(chat: Chat, transport: TransportName, workspace: str, user: str) -> None:
    """The workspace's and the user's claim are accepted under each of their names."""
    claims: dict[str, object] = {"workspace_id": None, "sub": None}
    claims |= {workspace: chat.here.workspace_id, user: "agent-7"}
    token = chat.token(claims=claims)
    wire = await chat.wire(transport)
    await wire.join({"token": token, "workspaceId": chat.here.workspace_id})
    await chat.http.ask("GET", "/api/chat/conversations", 200, token=token)


@shows("S-AUTH-8")
@pytest.mark.parametrize("user", ["user_id", "userId"])
async def test_aliases_name_the_user(chat: Chat, user: str) -> None:
    """Whoever types is called by the name in the token, under whichever alias it stands."""
    await chat.needs("typing")
    conversation = chat.conversation()
    other = await chat.agent(subscribed_to=conversation)
    name = chat.name("agent")
    wire = await chat.joined(claims={"sub": None, user: name})
    await wire.emit(events.SUBSCRIBE, conversation, ack=1)  # relayed to the *other* subscribers
    await wire.accepted(1)
    await wire.emit(events.TYPING, {"conversationId": conversation, "isTyping": True})
    await other.gets(events.TYPING, conversationId=conversation, userId=name)


@shows("S-AUTH-9")
async def test_not_yet_valid(chat: Chat, transport: TransportName) -> None:
    """A token that is valid from a while from now on is refused as `unauthorized`."""
    now = int(time.time())
    token = chat.token(claims={"nbf": now + FAR_S, "exp": now + 2 * FAR_S})
    await refused_token(chat, transport, token, "unauthorized")


@shows("S-AUTH-10")
@pytest.mark.parametrize("claim", ["iss", "aud"])
@pytest.mark.parametrize("value", ANOTHER.values(), ids=ANOTHER)
async def test_another_issuer_or_audience(
    choosy_chat: Chat, transport: TransportName, claim: str, value: Callable[[str], Any]
) -> None:
    """Of another `iss` or `aud` than the server is configured with: refused as `unauthorized`."""
    configured = {"iss": choosy_chat.settings.issuer, "aud": choosy_chat.settings.audience}[claim]
    if configured is None:
        raise NotApplicable(f"The server is configured with no `{claim}`.")
    await (await choosy_chat.wire(transport)).join(choosy_chat.auth())
    token = choosy_chat.token(claims={claim: value(configured)})
    await refused_token(choosy_chat, transport, token, "unauthorized")
    await choosy_chat.http.ask("GET", "/api/chat/conversations", 401, token=token)


def good_claims(chat: Chat) -> dict[str, Any]:
    """The claims of a token that would be let in."""
    return claims_of(chat.settings, chat.here.workspace_id, "agent-1")


async def refused_token(chat: Chat, transport: TransportName, token: object, code: str) -> None:
    """Check that a CONNECT with this token is refused."""
    auth = {"token": token, "workspaceId": chat.here.workspace_id}
    await refused(chat, transport, auth, code)


async def refused(chat: Chat, transport: TransportName, auth: object, code: str) -> None:
    """Check that CONNECT is answered CONNECT_ERROR with the code, and that no event is delivered.

    Not before it, and, where a WebSocket can be fenced, not after it: the refused socket is in no
    room of the workspace, and gets into none of a conversation.
    """
    with beginning("a session (S-PRO-1, S-PRO-3)"):
        wire = await chat.wire(transport)
    chat.trace.note("harness", "sends CONNECT", auth=_shown(auth))
    answer = await wire.connect(auth)
    refusal = answer.data if answer is not None else None
    data = refusal.get("data") if isinstance(refusal, dict) else None
    chat.trace.require(
        answer is not None
        and answer.type is PacketType.CONNECT_ERROR
        and isinstance(refusal, dict)
        and isinstance(refusal.get("message"), str)
        and isinstance(data, dict)
        and data.get("code") == code,
        expected=f"CONNECT_ERROR with a message and the code {code}",
        seen=answer if answer is not None else "the connection was closed",
    )
    if isinstance(wire, RawWebSocket):
        await hears_nothing(chat, wire)


def _shown(auth: object) -> object:
    """What of a CONNECT may be read: a token without its signature opens nothing."""
    token = auth.get("token") if isinstance(auth, dict) else None
    if not isinstance(auth, dict) or not isinstance(token, str) or token.count(".") != 2:
        return auth
    return auth | {"token": f"{token.rpartition('.')[0]}.(its signature)"}


async def hears_nothing(chat: Chat, refused: RawWebSocket) -> None:
    """Check that a socket that was refused hears nothing of what others hear."""
    conversation = chat.conversation()
    witness = await chat.agent(subscribed_to=conversation)
    await refused.emit(events.SUBSCRIBE, conversation)
    entered = await chat.webhook.writes(conversation)
    with beginning("events for whoever may hear them (S-MSG-1, S-MSG-2)"):
        await witness.gets(events.CONVERSATION, id=entered.conversation)
        await witness.gets(events.MESSAGE, id=entered.id)
    passed = [packet for packet in await refused.fence() if str(packet)[:2] in ("42", "45")]
    chat.trace.require(not passed, expected="no event at a refused socket", seen=passed)
