"""What WhatsApp is told: the harness's fake Evolution, which a server under test sends through."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from conformance.deadlines import Deadline, until
from conformance.probes.trace import Trace
from fakes.control import ControlClient
from fakes.evolution.plans import Plan, Rule
from fakes.evolution.provider import Send

__all__ = ["Provider", "Send"]


class Provider:
    """The fake provider, by its control interface: it may run in another process."""

    def __init__(self, control: ControlClient, trace: Trace, deadline: Deadline) -> None:
        self._control = control
        self._trace = trace
        self._deadline = deadline

    async def plan(self, conversation: str, plan: Plan, sends: int | None = None) -> None:
        """Let the next `sends` sends into a conversation fare like that, or all of them."""
        rule = Rule(plan=plan, sends=sends, number=conversation)
        await self._control.call("POST", "/rules", msgspec.to_builtins(rule))

    async def sends(self, text: str) -> list[Send]:
        """The sends of that text so far; checks give each text once."""
        answer = await self._control.call("GET", f"/sends?{urlencode({'text': text})}")
        return msgspec.convert(answer["records"], list[Send])

    async def sent(self, text: str, count: int = 1) -> list[Send]:
        """Wait until a text was sent so often, and not more; raises `Nonconforming`."""

        async def look() -> list[Send]:
            found = await self.sends(text)
            return found if len(found) >= count else []

        try:
            found = await until(look, self._deadline)
        except TimeoutError:
            seen = f"{len(await self.sends(text))} of it within {self._deadline.within_s:g} s"
            raise self._trace.broken(
                expected=f"{count} sends of {text!r} at the provider", seen=seen
            ) from None
        self._trace.require(len(found) == count, expected=f"{count} sends of {text!r}", seen=found)
        return found
