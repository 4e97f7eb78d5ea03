"""Schedules are drawn, by a Hypothesis state machine, until one fails or enough have passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from types import MappingProxyType
from typing import Any, Final, Literal

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct

from conformance.generated.schedules import (
    CONVERSATIONS,
    LOSSES,
    STATUSES,
    Again,
    Close,
    Down,
    Expire,
    Lose,
    Open,
    Restart,
    Schedule,
    Send,
    Server,
    Settle,
    Status,
    Step,
    Up,
    Write,
)

__all__ = ["PROFILES", "Profile", "draw"]

_MOST_OPEN: Final = 2 * CONVERSATIONS
"""Times that a conversation is open, in all: twice each."""

_TIMES_DRAWN: Final = 5
"""Of what Hypothesis draws, two thirds are what it has drawn before; none is tried twice."""

_SERVERS: Final[tuple[Server, ...]] = ("chatengine", "supabase")
_RANDOM: Final = st.randoms(use_true_random=True)


class Profile(Struct, frozen=True):
    """How many schedules are drawn, and for how long; how long one is; how long one that fails may
    be shrunk.
    """

    schedules: int
    steps: int
    searching_s: float
    shrinking_s: float


PROFILES: Final[Mapping[Literal["ci", "night"], Profile]] = MappingProxyType(
    {
        # What is promised of both is two minutes; the first, and the last, take some time as well.
        "ci": Profile(schedules=100, steps=30, searching_s=35, shrinking_s=60),
        "night": Profile(schedules=100_000, steps=60, searching_s=6 * 3600, shrinking_s=1800),
    }
)


class _Enough(Exception):
    """A schedule has failed, or enough have passed."""


class _Schedules(RuleBasedStateMachine):
    """Draws a schedule that makes sense, step by step; it is tried when it is complete.

    Each begins with an open conversation, for otherwise nobody waits for anything. Some rules add
    several steps at once, which left to chance would seldom come together. Hypothesis chooses the
    rules, and a seed for each to choose values by: its own values are mostly the least and the
    greatest, which is good for numbers, but here leaves most of what can happen together undrawn.
    """

    fails: Callable[[Schedule], bool]
    longest: int

    def __init__(self) -> None:
        super().__init__()
        self._most = 0
        self._steps: list[Step] = [Open(0)]
        self._opened = [1] + [0] * (CONVERSATIONS - 1)
        self._messages = 0
        self._down: set[Server] = set()

    @initialize(random=_RANDOM)
    def begin(self, random: Random) -> None:
        """Mostly short ones: they show what a later step would mend, and take less time.

        Hypothesis alone draws all equally long.
        """
        self._most = min(random.randint(3, self.longest) for _ in range(2))

    # what people do

    @rule(random=_RANDOM)
    def write(self, random: Random) -> None:
        """Somebody writes, perhaps what only comes now."""
        message, ago_s = self._next_message(), random.choice((0, 0, 5, 40))
        self._add(Write(message, _conversation(random), ago_s, random.random() < 0.5))

    @rule(random=_RANDOM)
    def write_twice(self, random: Random) -> None:
        """A message comes, and comes again."""
        message = self._next_message()
        self._add(Write(message, _conversation(random)), Again(message))

    @rule(random=_RANDOM)
    def write_behind_its_status(self, random: Random) -> None:
        """A status comes before its message."""
        message, status = self._next_message(), random.choice(STATUSES)
        self._add(Status(message, status), Write(message, _conversation(random), by_us=True))

    @rule(random=_RANDOM)
    def write_and_acknowledge(self, random: Random) -> None:
        """A message comes, and its statuses in any order."""
        message = self._next_message()
        statuses = (Status(message, each) for each in random.sample(STATUSES, random.randint(1, 3)))
        self._add(Write(message, _conversation(random), by_us=random.random() < 0.5), *statuses)

    @rule(random=_RANDOM)
    def send(self, random: Random) -> None:
        """The user sends, and perhaps the provider's echo comes."""
        message = self._next_message()
        echo = (Again(message),) if random.random() < 0.5 else ()
        self._add(Send(message, _conversation(random)), *echo)

    @precondition(lambda self: self._messages)
    @rule(random=_RANDOM)
    def acknowledge(self, random: Random) -> None:
        """Statuses of a message come, in any order."""
        message = random.randrange(self._messages)
        statuses = random.sample(STATUSES, random.randint(1, 3))
        self._add(*(Status(message, status) for status in statuses))

    @precondition(lambda self: sum(self._opened) < _MOST_OPEN)
    @rule(random=_RANDOM)
    def open(self, random: Random) -> None:
        """The user opens a conversation, or opens it once more."""
        conversation = _conversation(random)
        self._opened[conversation] += 1
        self._add(Open(conversation))

    @rule(random=_RANDOM)
    def open_twice_and_leave_once(self, random: Random) -> None:
        """One place is left, and another still shows the conversation (C-SUB-5)."""
        conversation = _conversation(random)
        if not self._opened[conversation]:
            self._opened[conversation] += 1
            self._add(Open(conversation))
        self._add(Open(conversation), Close(conversation))

    @precondition(lambda self: any(self._opened))
    @rule(random=_RANDOM)
    def close(self, random: Random) -> None:
        """The user leaves one of those that are open."""
        opened = [each for each, times in enumerate(self._opened) if times]
        conversation = random.choice(opened)
        self._opened[conversation] -= 1
        self._add(Close(conversation))

    # what goes wrong

    @rule(random=_RANDOM)
    def break_(self, random: Random) -> None:
        """The connection is lost, for a token but once: the next attempt takes 1 s (C-CONN-6)."""
        steps: list[Step] = [*map(Lose, LOSSES), Restart(), Expire()]
        step = random.choice(steps)
        if step not in self._steps or not isinstance(step, Expire):
            self._add(step)

    @rule(random=_RANDOM)
    def go_or_come_back(self, random: Random) -> None:
        """A server goes, or is back."""
        server = random.choice(_SERVERS)
        step: Step = Up(server) if server in self._down else Down(server)
        self._add(step)
        self._down ^= {server}

    @rule(random=_RANDOM)
    def gap(self, random: Random) -> None:
        """Something happens while ChatEngine cannot be reached, also to what is known already."""
        known, written = (
            Write(self._next_message(), _conversation(random), by_us=True) for _ in range(2)
        )
        told = random.choice((known, known, written)).message
        status = Status(told, random.choice(STATUSES))
        happens: list[Step] = random.sample((written, status), random.randint(1, 2))
        self._add(known, Down(), *happens, Up())
        self._down.discard("chatengine")

    # what the harness does

    @precondition(lambda self: not isinstance(self._steps[-1], Settle))
    @rule()
    def settle(self) -> None:
        """All is made good, and what follows meets a target that has been through that."""
        self._down.clear()
        self._add(Settle())

    def teardown(self) -> None:
        """Try the schedule; raises `_Enough` where it fails."""
        if type(self).fails(Schedule(tuple(self._steps))):
            raise _Enough

    def _add(self, *steps: Step) -> None:
        if len(self._steps) <= self._most:
            self._steps += steps

    def _next_message(self) -> int:
        self._messages += 1
        return self._messages - 1


def _conversation(random: Random) -> int:
    """Mostly the first, which is open."""
    conversation: int = random.choice((0, 0, *range(CONVERSATIONS)))
    return conversation


def draw(profile: Profile, seed_: int, fails: Callable[[Schedule], bool]) -> Schedule | None:
    """Draw schedules until one `fails`, and return it; None where all pass.

    The same seed and profile draw the same schedules. What `fails` raises is raised.
    """
    found: list[Schedule] = []
    tried: dict[Schedule, bool | BaseException] = {}

    def try_once(schedule: Schedule) -> bool:
        # Hypothesis asks once more about what failed, to show it; that would take as long again,
        # and what depends on the moment may not come again.
        if schedule not in tried:
            try:
                tried[schedule] = fails(schedule)
            except Exception as error:
                tried[schedule] = error
        outcome = tried[schedule]
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome:
            found.append(schedule)
        if len(tried) >= profile.schedules:
            raise _Enough
        return outcome

    made: dict[str, Any] = {"fails": staticmethod(try_once), "longest": profile.steps}
    machine: Any = type("Schedules", (_Schedules,), made)
    with suppress(_Enough):
        run_state_machine_as_test(seed(seed_)(machine), settings=_settings(profile))
    return found[0] if found else None


def _settings(profile: Profile) -> settings:
    return settings(
        max_examples=_TIMES_DRAWN * profile.schedules,
        stateful_step_count=profile.steps,
        phases=(Phase.generate,),
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
