"""What is seen of a client from outside: at the proxy before ChatEngine, and at ChatEngine."""

from __future__ import annotations

from fakes.chatengine.faults import Faults
from fakes.network.proxy import RunningProxy
from fakes.network.record import Entry, Fired
from fakes.network.schedule import Direction, Hold, OnFrame, Rule, Schedule

__all__ = ["Frames", "Refusals", "websockets"]


class Refusals:
    """The sockets that were refused since it was made."""

    def __init__(self, faults: Faults, most: int) -> None:
        self._faults = faults
        self._most = most

    @property
    def count(self) -> int:
        """How many by now."""
        refusal = self._faults.refusal
        return 0 if refusal is None or refusal.count is None else self._most - refusal.count


class Frames:
    """WebSocket frames that passed the proxy; those of a polling transport are none."""

    def __init__(self, proxy: RunningProxy, regex: str, direction: Direction) -> None:
        self._proxy = proxy
        self._regex = regex
        self._before = 0
        # A hold of no length lets everything pass, and is written into the log.
        on = OnFrame(times=None, direction=direction, regex=regex)
        proxy.apply(Schedule((Rule(Hold(0), on),)))
        self._before = self.count

    @property
    def count(self) -> int:
        """How many have passed since it was made."""
        return len([each for each in self._proxy.log if self._is_mine(each)]) - self._before

    def _is_mine(self, entry: Entry) -> bool:
        if not isinstance(entry, Fired) or not isinstance(entry.rule.on, OnFrame):
            return False
        return entry.rule.on.regex == self._regex


def websockets(proxy: RunningProxy) -> int:
    """How many WebSockets are open through a proxy; HTTP's connections may be kept alive."""
    return sum(each.frames.to_client + each.frames.to_target > 0 for each in proxy.connections)
