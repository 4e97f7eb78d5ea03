"""The fault proxy: TCP in front of anything, over a network that fails as it is told.

async with running_proxy(ProxySettings(target=Address("127.0.0.1", 4001))) as proxy:
    ...  # clients connect to proxy.url
    proxy.apply(Schedule((Rule(Cut(), OnFrame(nth=3, prefix="42")),)))
    proxy.half_open()
    proxy.heal()
"""

import asyncio
import socket
from collections.abc import Iterable
from functools import partial
from itertools import count

from fakes.control import ControlDoor
from fakes.network.addresses import Address
from fakes.network.leg import reset
from fakes.network.link import Link
from fakes.network.record import By, Entry, Record, replay
from fakes.network.schedule import (
    AfterBytes,
    Cut,
    Directions,
    Fault,
    HalfOpen,
    Heal,
    Hold,
    Refuse,
    Release,
    Reset,
    Rule,
    Schedule,
    ScheduleError,
    checked,
)
from fakes.network.stats import Both, ConnectionInfo, Stats, describe
from fakes.network.target import Target
from fakes.serving import reachable_url

__all__ = ["RunningProxy"]


class RunningProxy:
    """A proxy while it runs. Nothing here waits: what is asked for has happened on return.

    `address` is where it listens, `control` where it is controlled.
    """

    address: Address
    control: ControlDoor

    def __init__(self, target: Target, record: Record) -> None:
        self._target = target
        self._record = record
        self._rules: list[Rule] = []
        self._links: dict[int, Link] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._numbers = count(1)
        self._accepted = self._refused = self._unreached = 0
        self._passed = self._frames = Both()
        self._refuses = False
        self._silences: Directions | None = None

    # What it tells

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.address.port

    @property
    def url(self) -> str:
        """The base URL that reaches an HTTP target through it."""
        return reachable_url(self.address.host, self.address.port)

    @property
    def connections(self) -> tuple[ConnectionInfo, ...]:
        """The open connections, oldest first."""
        return tuple(describe(link) for link in self._links.values())

    @property
    def stats(self) -> Stats:
        """Connections, bytes, frames and faults since it began."""
        open_now = self.connections
        return Stats(
            accepted=self._accepted,
            open=len(open_now),
            refused=self._refused,
            unreached=self._unreached,
            bytes=sum((each.bytes for each in open_now), self._passed),
            frames=sum((each.frames for each in open_now), self._frames),
            fired=self._record.fired_by_kind,
        )

    @property
    def schedule(self) -> Schedule:
        """The rules in force."""
        return Schedule(tuple(self._rules))

    @property
    def log(self) -> tuple[Entry, ...]:
        """What was applied and what happened, oldest first; the last 10,000 entries."""
        return self._record.entries

    def replay(self) -> Schedule:
        """Return the schedule that makes happen again, to a new proxy, what `log` tells."""
        return replay(self.log)

    # What it is told

    def apply(self, schedule: Schedule) -> None:
        """Put rules in force beside those that are; raises `ScheduleError`.

        On connections that are open, bytes and frames count from now.
        """
        schedule = checked(schedule)
        self._record.applied(schedule)
        self._rules += schedule.rules
        for rule in schedule.rules:
            for link in list(self._links.values()):
                if rule.concerns(link.number) and not isinstance(rule.fault, Refuse):
                    link.arm(rule)

    def strike(self, fault: Fault, connections: Iterable[int] | None = None) -> int:
        """Have a fault happen now, to the connections of these numbers, or to all that are open.

        Returns how many that were. Raises `ScheduleError` for what happens to a frame, and for
        `Refuse`, which happens to connections yet to come.
        """
        if isinstance(fault, Refuse):
            raise ScheduleError("refuse happens to connections yet to come: use a rule")
        try:
            return self._strike(Rule(fault), connections)
        except ValueError as error:
            raise ScheduleError(str(error)) from None

    def cut_all(self) -> int:
        """FIN to both peers of every connection."""
        return self.strike(Cut())

    def reset_all(self) -> int:
        """RST to both peers of every connection."""
        return self.strike(Reset())

    def half_open(self, direction: Directions = "both", *, new: bool = False) -> int:
        """Swallow all on every connection, and with `new` on those that come, until `heal`."""
        if new:
            self._silences = direction
        return self.strike(HalfOpen(direction))

    def hold(self, direction: Directions = "both", ms: int | None = None) -> int:
        """Let nothing through on the connections that are open, for `ms` or until `release`."""
        return self._strike(Rule(Hold(ms), AfterBytes(0, direction)))

    def release(self, direction: Directions = "both") -> int:
        """Let what is held go on."""
        return self.strike(Release(direction))

    def refuse(self) -> None:
        """Refuse new connections (accepted and reset at once) until `heal`."""
        self._refuses = True

    def clear(self) -> int:
        """Forget all rules, and end what shapes: connections go on as if nothing had been.

        Half-open connections stay so, and new ones are refused or silent as before: see `heal`.
        """
        self._rules.clear()
        for link in self._links.values():
            link.disarm()
        return self._heal([link for link in self._links.values() if not link.is_half_open])

    def heal(self) -> int:
        """A network without a fault: `clear`, new connections pass, half-open ones are reset."""
        self._refuses = False
        self._silences = None
        return self.clear() + self._heal(self._links.values())

    def _heal(self, links: Iterable[Link]) -> int:
        return self._strike(Rule(Heal()), [link.number for link in links if link.is_touched])

    def _strike(self, rule: Rule, connections: Iterable[int] | None = None) -> int:
        (rule,) = checked(Schedule((rule,))).rules
        wanted = list(self._links if connections is None else connections)
        struck = [link for number in wanted if (link := self._links.get(number))]
        for link in struck:
            link.arm(rule, "command")
        return len(struck)

    # Connections

    def accepted(self, client: socket.socket) -> None:
        """Take over the next connection."""
        number = next(self._numbers)
        self._accepted += 1
        by = self._refused_by(number)
        if by is not None:
            self._refused += 1
            reset(client)
            self.fired(Rule(Refuse(), first=number, last=number), by)
            return
        task = asyncio.get_running_loop().create_task(self._connect(number, client))
        self._connecting.add(task)
        task.add_done_callback(partial(self._settled, client))

    def _settled(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        if task.cancelled():
            client.close()

    def _refused_by(self, number: int) -> By | None:
        if self._refuses:
            return "command"
        if any(isinstance(rule.fault, Refuse) and rule.concerns(number) for rule in self._rules):
            return "schedule"
        return None

    async def _connect(self, number: int, client: socket.socket) -> None:
        target = await self._target.connect()
        if target is None:
            self._unreached += 1
            reset(client)
            return
        link = self._links[number] = Link(number, client, target, self)
        for rule in self._rules:
            if rule.concerns(number) and not isinstance(rule.fault, Refuse):
                link.arm(rule)
        if self._silences is not None:
            link.arm(Rule(HalfOpen(self._silences)), "command")
        link.start()

    def fired(self, rule: Rule, by: By) -> None:
        """Take note of a fault."""
        self._record.fired(rule, by)

    def gone(self, link: Link) -> None:
        """Take leave of a connection."""
        info = describe(link)
        self._passed += info.bytes
        self._frames += info.frames
        del self._links[link.number]

    async def close(self) -> None:
        """Close every connection."""
        for task in self._connecting:
            task.cancel()
        if self._connecting:
            await asyncio.wait(self._connecting)
        for link in list(self._links.values()):
            link.close()
