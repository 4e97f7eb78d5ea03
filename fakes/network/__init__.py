"""The fault proxy: TCP in front of anything, over a network that fails as it is told.

Cores without I/O, from what is asked for to what it does:

- `schedule`: faults and the points at which they happen; `record`: what happened, to be replayed
- `frames`, `compression`, `upgrade`: a WebSocket found in a stream of bytes, and looked into
- `triggers`, `framed`, `streams`: bytes in, bytes and what happens between them out
- `shaping`: when bytes come out

Shells around them: `leg` (a socket), `lane` (a direction), `link` (a connection), `doors`
(accepting), `target` (connecting), `proxy` (all connections), `control` (over HTTP), `app`.

`chatengine-harness proxy` runs it alone, `running_proxy` within a process.
"""

from fakes.network.addresses import Address, parse_listen, parse_target
from fakes.network.app import ProxySettings, running_proxy
from fakes.network.proxy import RunningProxy
from fakes.network.record import Applied, Entry, Fired, read_schedule, replay
from fakes.network.schedule import (
    AfterBytes,
    Bandwidth,
    Corrupt,
    Cut,
    Direction,
    Directions,
    Drop,
    Duplicate,
    Fault,
    HalfOpen,
    Heal,
    Hold,
    Latency,
    OnFrame,
    Opcode,
    Refuse,
    Release,
    Reset,
    Rule,
    Schedule,
    ScheduleError,
    Slice,
    Swap,
    Trigger,
    checked,
    to_json,
)
from fakes.network.stats import Both, ConnectionInfo, Stats

__all__ = [
    "Address",
    "AfterBytes",
    "Applied",
    "Bandwidth",
    "Both",
    "ConnectionInfo",
    "Corrupt",
    "Cut",
    "Direction",
    "Directions",
    "Drop",
    "Duplicate",
    "Entry",
    "Fault",
    "Fired",
    "HalfOpen",
    "Heal",
    "Hold",
    "Latency",
    "OnFrame",
    "Opcode",
    "ProxySettings",
    "Refuse",
    "Release",
    "Reset",
    "Rule",
    "RunningProxy",
    "Schedule",
    "ScheduleError",
    "Slice",
    "Stats",
    "Swap",
    "Trigger",
    "checked",
    "parse_listen",
    "parse_target",
    "read_schedule",
    "replay",
    "running_proxy",
    "to_json",
]
