"""Which source serves: every reachable state of the table, with every event, explored."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatengine.client.core.fallback import Action, Event, Fallback, IllegalEvent, State
from chatengine.client.core.shapes import Source

STARTS = {
    Action.START_GRACE: "grace",
    Action.JOIN_REALTIME: "realtime",
    Action.START_JOIN_CLOCK: "join clock",
    Action.START_POLLING: "polling",
    Action.START_RELEASE_CLOCK: "release clock",
}
ENDS = {
    Action.CANCEL_GRACE: "grace",
    Action.LEAVE_REALTIME: "realtime",
    Action.CANCEL_JOIN_CLOCK: "join clock",
    Action.STOP_POLLING: "polling",
    Action.CANCEL_RELEASE_CLOCK: "release clock",
}
RUNS_OUT = {
    Event.GRACE_OVER: "grace",
    Event.JOIN_OVERDUE: "join clock",
    Event.RELEASE_DUE: "release clock",
}
NOT_REPORTED = (Event.START_WITH_SOCKET, Event.START_WITHOUT_SOCKET)  # they are `start`

BOTH = {"chatengine": True, "supabase": True}
CONFIGURED = [
    BOTH,
    {"chatengine": True, "supabase": False},
    {"chatengine": False, "supabase": True},
]


@dataclass(frozen=True)
class Shell:
    """What a shell holds that does as it is told; it complains of what is not balanced."""

    path: tuple[Event, ...] = ()
    held: frozenset[str] = frozenset()
    socket_up: bool = False

    def after(self, event: Event, actions: Iterable[Action]) -> Shell:
        held = set(self.held) - {RUNS_OUT.get(event)}
        for action in actions:
            if action in STARTS:
                assert STARTS[action] not in held, f"{action} twice: {self.path} {event}"
                held.add(STARTS[action])
            elif action in ENDS:
                assert ENDS[action] in held, f"{action} of nothing: {self.path} {event}"
                held.discard(ENDS[action])
        up = (self.socket_up or event is Event.SOCKET_UP) and event is not Event.SOCKET_DOWN
        return Shell((*self.path, event), frozenset(held), up)

    def events(self) -> Iterator[Event]:
        """What can come: everything, but a socket comes up only where it is down."""
        for event in Event:
            if event not in NOT_REPORTED and not (event is Event.SOCKET_UP and self.socket_up):
                yield event


def replay(configured: dict[str, bool], path: Iterable[Event]) -> tuple[Fallback, Shell]:
    """A machine and its shell after a path of events from the start."""
    machine = Fallback(**configured)
    shell = Shell((), Shell().after(Event.START_WITH_SOCKET, machine.start()).held)
    for event in path:
        shell = shell.after(event, machine.handle(event))
    return machine, shell


def reachable(configured: dict[str, bool]) -> dict[tuple[State, frozenset[str], bool], Shell]:
    """Everything that can be reached from the start, by every event in every state."""
    machine, shell = replay(configured, ())
    found = {(machine.state, shell.held, shell.socket_up): shell}
    queue = deque([shell])
    while queue:
        here = queue.popleft()
        for event in here.events():
            machine, shell = replay(configured, (*here.path, event))
            key = (machine.state, shell.held, shell.socket_up)
            if key not in found:
                found[key] = shell
                queue.append(shell)
    return found


@pytest.mark.parametrize("configured", CONFIGURED)
def test_each_state_holds_what_it_needs_and_nothing_else(configured: dict[str, bool]) -> None:
    """C-FBK-8: whatever came before, a state holds the same clocks, channels and polls."""
    held: dict[State, set[frozenset[str]]] = {}
    for state, holding, _ in reachable(configured):
        held.setdefault(state, set()).add(holding)
    joined = frozenset({"realtime"} if configured["supabase"] else ())
    expected = {
        State.OFF: {frozenset()},
        State.WAITING: {frozenset({"grace"})},
        State.JOINING: {frozenset({"realtime", "join clock"})},
        State.REALTIME: {frozenset({"realtime"})},
        State.SEEKING: {frozenset({"polling"}) | joined},
        State.POLLING: {frozenset({"polling"}) | joined},
        State.SOCKET: {frozenset()},
        State.RETURNING: {frozenset({"realtime", "release clock"})},
    }
    for state, holds in held.items():
        assert holds == expected[state], state


@pytest.mark.parametrize("configured", CONFIGURED)
def test_no_state_is_deaf_for_ever(configured: dict[str, bool]) -> None:
    """C-FBK-2 C-FBK-7: where nothing serves, something is under way; its success serves."""
    leads_on = {
        "grace": Event.GRACE_OVER, "realtime": Event.REALTIME_UP, "polling": Event.POLL_OK
    }  # fmt: skip
    for (state, *_), reached in reachable(configured).items():
        machine, shell = replay(configured, reached.path)
        while state is not State.OFF and machine.source is Source.NONE:
            ways = [event for what, event in leads_on.items() if what in shell.held]
            assert ways, f"{machine.state} waits for nothing"
            shell = shell.after(ways[0], machine.handle(ways[0]))
            assert len(shell.path) < len(reached.path) + 4, "it leads nowhere"


@pytest.mark.parametrize("configured", CONFIGURED[:2])
def test_the_socket_serves_from_any_state_and_what_stood_in_is_released(
    configured: dict[str, bool],
) -> None:
    """C-FBK-3 C-FBK-4: up is serving and a gap fetched; closed or overdue, nothing else is held."""
    for (state, _, up), shell in reachable(configured).items():
        if up or state is State.OFF:
            continue
        for ending in (Event.GAP_CLOSED, Event.RELEASE_DUE):
            machine, now = replay(configured, shell.path)
            actions = machine.handle(Event.SOCKET_UP)
            now = now.after(Event.SOCKET_UP, actions)
            assert machine.source is Source.WEBSOCKET
            assert Action.CLOSE_GAP_OVER_CHATENGINE in actions
            now = now.after(ending, machine.handle(ending))
            assert (machine.state, now.held) == (State.SOCKET, frozenset())


@pytest.mark.parametrize("configured", CONFIGURED)
def test_after_stop_nothing_is_left(configured: dict[str, bool]) -> None:
    """C-CONN-7: stopped from anywhere, no clock runs, no channel is joined, nothing polls."""
    for shell in reachable(configured).values():
        machine, now = replay(configured, shell.path)
        now = now.after(Event.STOP, machine.stop())
        assert (machine.state, machine.source, now.held) == (State.OFF, Source.NONE, frozenset())
        for event in now.events():
            assert machine.handle(event) == ()
        assert machine.state is State.OFF


@given(st.lists(st.sampled_from([each for each in Event if each not in NOT_REPORTED])))
def test_flapping_leaks_nothing(events: list[Event]) -> None:
    """C-FBK-8: over any flapping what is started is ended; the shell complains otherwise."""
    machine, shell = replay(BOTH, ())
    for event in events:
        if event is Event.SOCKET_UP and shell.socket_up:
            continue
        shell = shell.after(event, machine.handle(event))
    assert not shell.after(Event.STOP, machine.stop()).held


def test_without_a_chatengine_realtime_is_joined_at_once() -> None:
    """C-FBK-1: Supabase serves as soon as its subscription is there, and the past is fetched."""
    machine = Fallback(chatengine=False, supabase=True)
    assert machine.start() == (Action.JOIN_REALTIME, Action.START_JOIN_CLOCK)
    assert machine.handle(Event.REALTIME_UP) == (
        Action.CANCEL_JOIN_CLOCK,
        Action.CLOSE_GAP_OVER_SUPABASE,
    )
    assert machine.source is Source.SUPABASE


def test_a_socket_that_never_comes_is_stood_in_for() -> None:
    """C-FBK-2: configured but not connected, Realtime is joined when the grace is over."""
    machine = Fallback(**BOTH)
    assert machine.start() == (Action.START_GRACE,)
    assert machine.handle(Event.SOCKET_DOWN) == ()
    assert machine.handle(Event.GRACE_OVER) == (Action.JOIN_REALTIME, Action.START_JOIN_CLOCK)


def test_a_loss_within_the_grace_joins_nothing() -> None:
    """C-FBK-8: a socket that is back before the grace is over only has its gap fetched."""
    machine, _ = replay(BOTH, [Event.SOCKET_UP])
    assert machine.handle(Event.SOCKET_DOWN) == (Action.START_GRACE,)
    assert machine.handle(Event.SOCKET_UP) == (
        Action.CANCEL_GRACE,
        Action.CLOSE_GAP_OVER_CHATENGINE,
    )


def test_realtime_that_is_still_joined_serves_on_when_the_socket_is_lost_again() -> None:
    """C-FBK-4: it never stopped hearing, so there is no grace and no gap."""
    up = [Event.GRACE_OVER, Event.REALTIME_UP, Event.SOCKET_UP]
    machine, _ = replay(BOTH, up)
    assert machine.handle(Event.SOCKET_DOWN) == (Action.CANCEL_RELEASE_CLOCK,)
    assert machine.source is Source.SUPABASE


def test_polling_serves_while_it_is_answered() -> None:
    """C-FBK-7: a poll that fails serves nobody; Realtime goes on trying and takes over."""
    machine, _ = replay(BOTH, [Event.GRACE_OVER, Event.REALTIME_DOWN])
    sources = [machine.source]
    for event in (Event.POLL_OK, Event.POLL_FAILED):
        machine.handle(event)
        sources.append(machine.source)
    assert sources == [Source.NONE, Source.POLLING, Source.NONE]
    assert machine.handle(Event.REALTIME_UP) == (
        Action.STOP_POLLING,
        Action.CLOSE_GAP_OVER_SUPABASE,
    )


def test_with_nothing_configured_nothing_is_done() -> None:
    """C-CONN-1: no configuration, no attempt."""
    machine = Fallback(chatengine=False, supabase=False)
    assert machine.start() == ()
    assert machine.state is State.OFF


@pytest.mark.parametrize(
    ("path", "event", "sentence"),
    [
        ((Event.SOCKET_UP,), Event.SOCKET_UP, "SOCKET_UP cannot come while SOCKET"),
        ((), Event.START_WITH_SOCKET, "START_WITH_SOCKET cannot come while WAITING"),
    ],
)
def test_what_cannot_come_is_said(path: tuple[Event, ...], event: Event, sentence: str) -> None:
    """An event that contradicts the state is the shell's mistake, and names both."""
    machine, _ = replay(BOTH, path)
    with pytest.raises(IllegalEvent) as caught:
        machine.handle(event)
    assert str(caught.value) == sentence
    assert (caught.value.event, caught.value.state) == (event, machine.state)
