"""A small world of messages, and everything that any source may tell of it, in any order.

What is told is a `Telling`: it knows how to reach the client's state as a raw payload, and what a
reader of the contract understands by it, which is what the models in the tests go by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from hypothesis import strategies as st

from chatengine.client.core.state import CrmState
from chatengine.moments import from_ms

__all__ = [
    "CHATS",
    "ORDER",
    "START",
    "Telling",
    "True_",
    "contested_worlds",
    "state",
    "tellings",
    "worlds",
]

START = 1_767_225_600_000
CHATS = ("5511990000001@s.whatsapp.net", "c-2")
ORDER = ["sending", "sent", "failed", "delivered", "read"]
"""C-STA-1, written down again: the models must not take it from the code under test."""

WIRE = {"sending": "pending"}


@dataclass(frozen=True)
class True_:
    """A message that was really written."""

    number: int
    chat: str
    created_ms: int
    own: bool
    provider: str | None
    client: str | None
    sent_here: bool = False
    """Whether this client sent it, or another tab of the user's (or the customer)."""

    may_be_bare: bool = False
    """Whether its row may be written before its provider id is known."""

    @property
    def id(self) -> str:
        return f"m-{self.number}" if self.provider is None else f"evo-{self.provider}"

    @property
    def row_id(self) -> str:
        return f"00000000-0000-4000-8000-{self.number:012}"

    @property
    def body(self) -> str:
        return f"message {self.number}"


@dataclass(frozen=True)
class Telling:
    """Something a source tells of `about`. `bare` leaves a row's external_id out."""

    kind: Literal["send", "copy", "row", "status", "sent", "error", "timeout"]
    about: True_
    status: str = "sending"
    pushed: bool = True
    bare: bool = False
    by: Literal["id", "provider"] = "id"

    def tell(self, to: CrmState, now_ms: int = START) -> None:
        """Bring it to the client."""
        about = self.about
        match self.kind:
            case "send":
                to.send(about.chat, about.body, _given(about.client), None, about.created_ms)
            case "copy" if self.pushed:
                to.socket_event("message", self.payload(), now_ms)
            case "copy":
                to.history([self.payload()], now_ms)
            case "row":
                to.row("messages", self.payload(), now_ms, pushed=self.pushed)
            case "timeout":
                to.send_failed(_given(about.client), "too late", now_ms)
            case _:
                name = {"status": "messageStatus", "sent": "messageSent", "error": "error"}
                to.socket_event(name[self.kind], self.payload(), now_ms)

    def payload(self) -> dict[str, Any]:
        """What is on the wire."""
        about = self.about
        moment = from_ms(about.created_ms)
        match self.kind:
            case "copy":
                ids = {"providerMessageId": about.provider, "clientMessageId": about.client}
                return {
                    "id": about.id,
                    "workspaceId": "w-1",
                    "conversationId": about.chat,
                    "senderId": "agent-1" if about.own else "5511990000001@s.whatsapp.net",
                    "type": "text",
                    "content": about.body,
                    "status": WIRE.get(self.status, self.status),
                    "metadata": {key: value for key, value in ids.items() if value},
                    "createdAt": moment,
                }
            case "row":
                return {
                    "id": about.row_id,
                    "workspace_id": "w-1",
                    "conversation_id": about.chat,
                    "type": "text",
                    "body": about.body,
                    "is_outgoing": about.own,
                    "status": self.status,
                    "external_id": None if self.bare else about.provider,
                    "client_message_id": about.client,
                    "created_at": moment.replace("Z", "+00:00"),
                }
            case "status":
                name = about.id if self.by == "id" else _given(about.provider)
                return {"messageId": name, "status": WIRE.get(self.status, self.status)}
            case "sent":
                return {
                    "conversationId": about.chat,
                    "messageId": about.id,
                    "clientMessageId": about.client,
                    "timestamp": moment,
                }
            case _:
                return {
                    "type": "sendMessage",
                    "message": "refused",
                    "conversationId": about.chat,
                    "clientMessageId": about.client,
                }


def _given(text: str | None) -> str:
    assert text is not None
    return text


def state(*, opened: bool = True, **options: Any) -> CrmState:
    """A client of this world, looking at its conversations."""
    made = CrmState(workspace_id="w-1", user_id="agent-1", whatsapp_number_id=None, **options)
    for chat in CHATS if opened else ():
        made.open(chat)
    return made


moments = st.integers(0, 3).map(lambda ticks: START + ticks * 1000)
"""Few, so that ties happen."""


@st.composite
def _true_messages(draw: st.DrawFn, number: int) -> True_:
    own = draw(st.booleans())
    provider: str | None = f"3EB0{number:04X}"
    client = f"c-{number}" if own and draw(st.booleans()) else None
    sent_here = client is not None and draw(st.booleans())
    if client is not None and draw(st.integers(0, 4)) == 0:
        provider = None  # the provider would not take it
    return True_(
        number=number,
        chat=draw(st.sampled_from(CHATS)),
        created_ms=draw(moments),
        own=own,
        provider=provider,
        client=client,
        sent_here=sent_here,
        may_be_bare=client is not None,
    )


def worlds(most: int = 4) -> st.SearchStrategy[list[True_]]:
    """Some messages, each its own."""
    return st.integers(1, most).flatmap(
        lambda count: st.tuples(*(_true_messages(number) for number in range(count))).map(list)
    )


@st.composite
def contested_worlds(draw: st.DrawFn) -> list[True_]:
    """The same client id in several messages: sent again by a server, or another agent's by chance.

    Only one of them was sent here.
    """
    chat = draw(st.sampled_from(CHATS))
    count = draw(st.integers(2, 4))
    refused = draw(st.integers(0, count - 1))
    return [
        True_(
            number=number,
            chat=chat,
            created_ms=draw(moments),
            own=True,
            provider=None if number < refused else f"3EB0{number:04X}",
            client="c-0",
            sent_here=number == 0,
        )
        for number in range(count)
    ]


@st.composite
def tellings(draw: st.DrawFn, about: list[True_], most: int = 24) -> list[Telling]:
    """Any tellings of these messages, in any order, some twice; sends before what comes of them.

    And before what claims to have come of them: after it, a send is one that was sent already
    (`test_a_send_under_an_id_that_a_message_claims_is_that_message`).
    """
    told = draw(st.lists(st.sampled_from(about).flatmap(_telling), max_size=most))
    told += draw(st.lists(st.sampled_from(told), max_size=4)) if told else []
    told = draw(st.permutations(told))
    for message in about:
        if message.sent_here:
            first = _first(told, message.client)
            at = draw(st.integers(0, first))
            told.insert(at, Telling("send", message))
    return told


def _first(told: list[Telling], client: str | None) -> int:
    """Where a client id is first told of."""
    return next((i for i, each in enumerate(told) if each.about.client == client), len(told))


def _telling(about: True_) -> st.SearchStrategy[Telling]:
    status = st.sampled_from(ORDER)
    base = Telling("copy", about)
    copies = st.builds(
        lambda status, pushed: replace(base, status=status, pushed=pushed), status, st.booleans()
    )
    rows = st.builds(
        lambda status, pushed, bare: replace(
            base, kind="row", status=status, pushed=pushed, bare=bare and about.may_be_bare
        ),
        status,
        st.booleans(),
        st.booleans(),
    )
    names = st.sampled_from(["id", "provider"] if about.provider else ["id"])
    statuses = st.builds(lambda status, by: Telling("status", about, status, by=by), status, names)
    kinds = [copies, rows, statuses]
    if about.sent_here:
        kinds.append(st.sampled_from([Telling("error", about), Telling("timeout", about)]))
        if about.provider is not None:
            kinds.append(st.just(Telling("sent", about)))
    return st.one_of(kinds)
