"""The client under test: what its user does, and what it shows, over its adapter.

What a client shows is asked for again and again until it is as a clause wants it, with one
deadline; what was shown by then stands beside what was expected. Everything done and shown goes
into the history.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from chatengine.history import Closed, Opened, Sent, Stopped
from conformance.deadlines import Deadline, until
from conformance.journal import Journal
from conformance.outcomes import CouldNotRun, Nonconforming, NotApplicable
from conformance.targets.adapter import Adapter, Refusal
from conformance.targets.protocol import (
    CAPABILITIES,
    PROTOCOL,
    Capability,
    ClientConfig,
    Hello,
    Snapshot,
)

__all__ = ["OWN_CLIENT", "PATIENCE_S", "SLACK_S", "ClientUnderTest", "View"]

OWN_CLIENT: Final = (sys.executable, "-P", "-m", "chatengine.client.adapter")
"""The project's own client, which is tried where no other is named."""

PATIENCE_S: Final = 10.0
"""For what the contract gives no figure: several times what section 9 promises of the slowest way,
and reached only by a client that fails."""

SLACK_S: Final = 0.5
"""Beside a figure of the contract: what asking, and a loaded machine, may take."""

_LOOK_EVERY_S: Final = 0.02
"""Fifty times a second is no load for an adapter, and finer than any figure of the contract."""

View = Callable[[Snapshot], object]

_VERBS: Final[Mapping[str, Capability]] = {
    "send": "send",
    "typing": "typing",
    "configure": "reconfigure",
}
"""Verbs that a client need not have, by the capability that it would claim."""


class ClientUnderTest:
    """A client behind a running adapter; `greet` makes one. `who` is its name in the history."""

    def __init__(self, adapter: Adapter, hello: Hello, journal: Journal, who: str) -> None:
        self._adapter = adapter
        self._journal = journal
        self.hello = hello
        self.who = who
        self.last: Snapshot | None = None

    @classmethod
    async def greet(
        cls, adapter: Adapter, journal: Journal, who: str = "client"
    ) -> ClientUnderTest:
        """Ask who it is; raises `AdapterProblem`, and `CouldNotRun` for another protocol."""
        try:
            hello = await adapter.ask("hello", Hello, {"protocol": PROTOCOL})
        except Refusal as refusal:
            raise CouldNotRun(
                f"The adapter does not speak protocol {PROTOCOL}: {refusal}."
            ) from None
        return cls(adapter, hello, journal, who)

    # what it claims

    def claims(self, capability: Capability) -> bool:
        """Whether it says that it can."""
        return capability in self.hello.capabilities

    def needs(self, *capabilities: str) -> None:
        """Raise `NotApplicable` where it does not claim one of these."""
        for each in capabilities:
            if each not in self.hello.capabilities:
                what = CAPABILITIES[cast("Capability", each)]
                raise NotApplicable(f"The client does not claim `{each}` ({what}).")

    def own_figure_s(self, name: str, usual_s: float) -> float:
        """A figure of its timing, where it keeps a longer one of its own (milliseconds there)."""
        own_ms = self.hello.timing.get(name)
        return usual_s if own_ms is None else max(usual_s, own_ms / 1000)

    # what its user does

    async def start(self, config: ClientConfig) -> None:
        """Begin; connecting goes on in the background."""
        self._journal.watch(self.who, config)
        await self._do("start", config=config)

    async def configure(self, config: ClientConfig) -> None:
        """Take another configuration over while it runs."""
        await self._do("configure", config=config)
        self._journal.note(self.who, "has another configuration")

    async def open(self, conversation_id: str) -> None:
        """Look at a conversation."""
        await self._do("open", conversationId=conversation_id)
        self._journal.add(Opened, self.who, conversation=conversation_id)

    async def close(self, conversation_id: str) -> None:
        """Leave a conversation."""
        await self._do("close", conversationId=conversation_id)
        self._journal.add(Closed, self.who, conversation=conversation_id)

    async def send(
        self, conversation_id: str, content: str, client_id: str, reply_to: str | None = None
    ) -> None:
        """Send a text under an id of the client's own."""
        reply = {} if reply_to is None else {"replyToMessageId": reply_to}
        self._journal.add(Sent, self.who, conversation=conversation_id, client_id=client_id)
        await self._do(
            "send",
            conversationId=conversation_id,
            content=content,
            clientMessageId=client_id,
            **reply,
        )

    async def typing(self, conversation_id: str, is_typing: bool) -> None:
        """Type, or end typing."""
        await self._do("typing", conversationId=conversation_id, isTyping=is_typing)

    async def stop(self) -> None:
        """End it; on return everything is closed."""
        await self._do("stop")
        self._journal.add(Stopped, self.who)

    async def exit(self) -> None:
        """End its process."""
        await self._adapter.close()

    async def _do(self, verb: str, **arguments: object) -> None:
        try:
            await self._adapter.ask(verb, dict[str, Any], arguments)
        except Refusal as refusal:
            raise self._refused(refusal) from None

    def _refused(self, refusal: Refusal) -> Exception:
        """A refused verb: of what is not claimed nothing is asked, of the rest it is a failure."""
        capability = _VERBS.get(refusal.verb)
        if capability is not None and not self.claims(capability):
            return NotApplicable(f"The client does not claim `{capability}`: {refusal}.")
        return Nonconforming(
            expected=f"`{refusal.verb}` is carried out",
            seen=str(refusal),
            history=self._journal.tail(),
            capability=capability if refusal.code == "unsupported" else None,
        )

    # what it shows

    async def look(self) -> Snapshot:
        """What the user would see now."""
        try:
            snapshot = await self._adapter.ask("snapshot", Snapshot)
        except Refusal as refusal:
            raise self._refused(refusal) from None
        self._journal.shown(self.who, snapshot)
        self.last = snapshot
        return snapshot

    async def until(
        self,
        expected: str,
        holds: Callable[[Snapshot], bool],
        *,
        within_s: float = PATIENCE_S,
        view: View | None = None,
    ) -> Snapshot:
        """Wait until a snapshot is as `expected` says; raises `Nonconforming`.

        `view` is the part of a snapshot that is set beside it; without one it is all of it.
        """

        async def look() -> Snapshot | None:
            snapshot = await self.look()
            return snapshot if holds(snapshot) else None

        try:
            return await until(look, Deadline(within_s), pause_s=_LOOK_EVERY_S)
        except TimeoutError:
            raise self.broken(f"{expected}, within {within_s:g} s", view) from None

    async def comes_to(
        self, what: str, view: View, expected: object, *, within_s: float = PATIENCE_S
    ) -> Snapshot:
        """Wait until the `view` of a snapshot, which is `what`, equals `expected`."""
        return await self.until(
            f"{what}: {_json(expected)}",
            lambda snapshot: view(snapshot) == expected,
            within_s=within_s,
            view=view,
        )

    def verify(self, what: str, view: View, expected: object) -> None:
        """Hold the last snapshot to what it has to show; raises `Nonconforming`."""
        assert self.last is not None
        if view(self.last) != expected:
            raise self.broken(f"{what}: {_json(expected)}", view)

    def broken(self, expected: str, view: View | None = None) -> Nonconforming:
        """The failure in which the last snapshot is not what was expected."""
        last = self.last
        seen: object = None
        if last is not None:
            seen = last if view is None else view(last)
        shown = [] if last is None else [f"the last snapshot: {_json(last)}"]
        history = [*self._journal.tail(), *shown]
        return Nonconforming(expected=expected, seen=_json(seen), history=history)


def _json(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
