"""Which source serves: the socket, Supabase Realtime, or polling; one at a time, as a table.

The rules (contract, section 7):

- While the socket is up it serves. When it is back, the gap is fetched over HTTP, and Realtime,
  which served in between, is released once that is done, or when the release is due (C-FBK-3,
  C-FBK-4).
- A socket that is down is given a short grace, as most losses are over before a channel could be
  joined; then Realtime is joined (C-FBK-2). Without a ChatEngine it is joined at once (C-FBK-1).
- Realtime serves from the moment its subscription is there, and what happened until then is
  fetched. If the socket is lost again before Realtime was released, it serves on without a gap.
- While neither is up, HTTP is polled, and both go on trying (C-FBK-7). Polling serves while its
  last poll was answered.
- Whatever is joined, started or set is left, stopped or cancelled again (C-FBK-8).

No I/O: the shell reports events and carries out the actions that come back, in their order.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from chatengine.client.core.shapes import Source

__all__ = ["Action", "Event", "Fallback", "IllegalEvent", "State"]


class State(Enum):
    """Where the client stands."""

    OFF = auto()  # not started, stopped, or nothing is configured
    WAITING = auto()  # the socket is down and its grace runs
    JOINING = auto()  # the grace is over, Realtime is being joined
    REALTIME = auto()  # Realtime serves
    SEEKING = auto()  # polls get no answer; Realtime goes on trying
    POLLING = auto()  # polls are answered; Realtime goes on trying
    SOCKET = auto()  # the socket serves
    RETURNING = auto()  # the socket serves, Realtime is still joined


class Event(Enum):
    """What the shell reports."""

    START_WITH_SOCKET = auto()
    START_WITHOUT_SOCKET = auto()
    STOP = auto()
    SOCKET_UP = auto()
    SOCKET_DOWN = auto()  # lost, or another attempt failed
    GRACE_OVER = auto()
    REALTIME_UP = auto()  # the database subscription is there (`system` ok)
    REALTIME_DOWN = auto()  # lost, refused, or another attempt failed
    JOIN_OVERDUE = auto()
    GAP_CLOSED = auto()  # what was missed before the last SOCKET_UP has been fetched
    RELEASE_DUE = auto()
    POLL_OK = auto()
    POLL_FAILED = auto()


class Action(Enum):
    """What the shell is to do. Realtime, once joined, rejoins by itself until it is left."""

    START_GRACE = auto()
    CANCEL_GRACE = auto()
    JOIN_REALTIME = auto()
    LEAVE_REALTIME = auto()
    START_JOIN_CLOCK = auto()
    CANCEL_JOIN_CLOCK = auto()
    START_POLLING = auto()
    STOP_POLLING = auto()
    START_RELEASE_CLOCK = auto()
    CANCEL_RELEASE_CLOCK = auto()
    CLOSE_GAP_OVER_CHATENGINE = auto()
    CLOSE_GAP_OVER_SUPABASE = auto()


class IllegalEvent(Exception):
    """An event that cannot come in this state: the shell is wrong, not the network."""

    def __init__(self, event: Event, state: State) -> None:
        super().__init__(event, state)
        self.event = event
        self.state = state

    def __str__(self) -> str:
        return f"{self.event.name} cannot come while {self.state.name}"


_S, _E, _A = State, Event, Action

_JOIN: Final = (_A.JOIN_REALTIME, _A.START_JOIN_CLOCK)
_SERVE_REALTIME: Final = (_A.CLOSE_GAP_OVER_SUPABASE,)
_SERVE_SOCKET: Final = (_A.CLOSE_GAP_OVER_CHATENGINE,)
_END_POLLING: Final = (_A.STOP_POLLING, _A.LEAVE_REALTIME)

Table = dict[tuple[State, Event], tuple[State, tuple[Action, ...]]]

_TABLE: Final[Table] = {
    (_S.OFF, _E.START_WITH_SOCKET): (_S.WAITING, (_A.START_GRACE,)),
    (_S.OFF, _E.START_WITHOUT_SOCKET): (_S.JOINING, _JOIN),
    (_S.OFF, _E.SOCKET_UP): (_S.OFF, ()),  # it was under way when the client stopped
    (_S.OFF, _E.STOP): (_S.OFF, ()),
    #
    (_S.WAITING, _E.SOCKET_UP): (_S.SOCKET, (_A.CANCEL_GRACE, *_SERVE_SOCKET)),
    (_S.WAITING, _E.GRACE_OVER): (_S.JOINING, _JOIN),
    (_S.WAITING, _E.STOP): (_S.OFF, (_A.CANCEL_GRACE,)),
    #
    (_S.JOINING, _E.REALTIME_UP): (_S.REALTIME, (_A.CANCEL_JOIN_CLOCK, *_SERVE_REALTIME)),
    (_S.JOINING, _E.REALTIME_DOWN): (_S.SEEKING, (_A.CANCEL_JOIN_CLOCK, _A.START_POLLING)),
    (_S.JOINING, _E.JOIN_OVERDUE): (_S.SEEKING, (_A.START_POLLING,)),
    (_S.JOINING, _E.SOCKET_UP): (
        _S.SOCKET, (_A.CANCEL_JOIN_CLOCK, _A.LEAVE_REALTIME, *_SERVE_SOCKET)
    ),
    (_S.JOINING, _E.STOP): (_S.OFF, (_A.CANCEL_JOIN_CLOCK, _A.LEAVE_REALTIME)),
    #
    (_S.REALTIME, _E.REALTIME_UP): (_S.REALTIME, _SERVE_REALTIME),  # rejoined: fetch again
    (_S.REALTIME, _E.REALTIME_DOWN): (_S.SEEKING, (_A.START_POLLING,)),
    (_S.REALTIME, _E.SOCKET_UP): (_S.RETURNING, (_A.START_RELEASE_CLOCK, *_SERVE_SOCKET)),
    (_S.REALTIME, _E.STOP): (_S.OFF, (_A.LEAVE_REALTIME,)),
    #
    (_S.SEEKING, _E.POLL_OK): (_S.POLLING, ()),
    (_S.SEEKING, _E.REALTIME_UP): (_S.REALTIME, (_A.STOP_POLLING, *_SERVE_REALTIME)),
    (_S.SEEKING, _E.SOCKET_UP): (_S.SOCKET, (*_END_POLLING, *_SERVE_SOCKET)),
    (_S.SEEKING, _E.STOP): (_S.OFF, _END_POLLING),
    #
    (_S.POLLING, _E.POLL_FAILED): (_S.SEEKING, ()),
    (_S.POLLING, _E.REALTIME_UP): (_S.REALTIME, (_A.STOP_POLLING, *_SERVE_REALTIME)),
    (_S.POLLING, _E.SOCKET_UP): (_S.SOCKET, (*_END_POLLING, *_SERVE_SOCKET)),
    (_S.POLLING, _E.STOP): (_S.OFF, _END_POLLING),
    #
    (_S.SOCKET, _E.SOCKET_DOWN): (_S.WAITING, (_A.START_GRACE,)),
    (_S.SOCKET, _E.STOP): (_S.OFF, ()),
    #
    (_S.RETURNING, _E.GAP_CLOSED): (_S.SOCKET, (_A.CANCEL_RELEASE_CLOCK, _A.LEAVE_REALTIME)),
    (_S.RETURNING, _E.RELEASE_DUE): (_S.SOCKET, (_A.LEAVE_REALTIME,)),
    (_S.RETURNING, _E.REALTIME_DOWN): (_S.SOCKET, (_A.CANCEL_RELEASE_CLOCK, _A.LEAVE_REALTIME)),
    (_S.RETURNING, _E.SOCKET_DOWN): (_S.REALTIME, (_A.CANCEL_RELEASE_CLOCK,)),
    (_S.RETURNING, _E.STOP): (_S.OFF, (_A.CANCEL_RELEASE_CLOCK, _A.LEAVE_REALTIME)),
}  # fmt: skip


def _without_realtime(table: Table) -> Table:
    """The same where there is no Realtime to join: what is left is polling."""
    rows: Table = {
        row: (state, tuple(each for each in actions if each is not _A.LEAVE_REALTIME))
        for row, (state, actions) in table.items()
        if row[1] not in (_E.REALTIME_UP, _E.REALTIME_DOWN)
    }
    rows[_S.WAITING, _E.GRACE_OVER] = (_S.SEEKING, (_A.START_POLLING,))
    return rows


_WITHOUT_SUPABASE: Final = _without_realtime(_TABLE)

_MAY_BE_LATE: Final = frozenset(
    {_E.SOCKET_DOWN, _E.GRACE_OVER, _E.REALTIME_UP, _E.REALTIME_DOWN, _E.JOIN_OVERDUE,
     _E.GAP_CLOSED, _E.RELEASE_DUE, _E.POLL_OK, _E.POLL_FAILED}
)  # fmt: skip
"""Where the table has no row for them they change nothing: a clock that ran out while it was
cancelled, the last word of what was left or stopped, one more attempt that failed."""

_SERVING: Final = {
    _S.REALTIME: Source.SUPABASE,
    _S.POLLING: Source.POLLING,
    _S.SOCKET: Source.WEBSOCKET,
    _S.RETURNING: Source.WEBSOCKET,
}


class Fallback:
    """The machine of one configuration; another configuration is `stop` and another machine."""

    def __init__(self, *, chatengine: bool, supabase: bool) -> None:
        self._table = _TABLE if supabase else _WITHOUT_SUPABASE
        self._start = Event.START_WITH_SOCKET if chatengine else Event.START_WITHOUT_SOCKET
        self._is_configured = chatengine or supabase
        self._state = State.OFF

    @property
    def state(self) -> State:
        """Where the client stands."""
        return self._state

    @property
    def source(self) -> Source:
        """What serves; never more than one."""
        return _SERVING.get(self._state, Source.NONE)

    def start(self) -> tuple[Action, ...]:
        """Begin with what is configured; with nothing, stay off. `IllegalEvent` if begun."""
        return self.handle(self._start) if self._is_configured else ()

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Take the event in; returns what is to be done, in order. Raises `IllegalEvent`."""
        step = self._table.get((self._state, event))
        if step is None and event not in _MAY_BE_LATE:
            raise IllegalEvent(event, self._state)
        self._state, actions = step or (self._state, ())
        return actions

    def stop(self) -> tuple[Action, ...]:
        """End: what is joined, started or set is left, stopped or cancelled."""
        return self.handle(Event.STOP)
