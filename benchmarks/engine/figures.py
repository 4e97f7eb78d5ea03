"""From the rounds to figures, and the goals of the engine and the server."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from msgspec import Struct

from benchmarks.engine.measuring import Idle, Traffic
from benchmarks.figures import Goal

__all__ = ["Figures", "Round", "figures", "goals"]


class Round(Struct):
    """What one round measured, by contender: receivers and servers under traffic, receivers idle.

    Receivers stand against our server, servers against our receiver; ours against ours is both.
    """

    receiving: dict[str, Traffic] = {}
    sending: dict[str, Traffic] = {}
    idle: dict[str, Idle] = {}


class Figures(Struct, omit_defaults=True):
    """One contender's medians; absent is what it has no part in."""

    receive_us: float | None = None
    send_us: float | None = None
    idle_kib: float | None = None
    connects_per_s: float | None = None
    offered_per_s: float | None = None
    delivered_per_s: float | None = None


def figures(rounds: Sequence[Round]) -> dict[str, Figures]:
    """Each contender's medians over the rounds."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in rounds:
        for name, received in each.receiving.items():
            for field in ("receive_us", "offered_per_s", "delivered_per_s"):
                values[name][field].append(getattr(received, field))
        for name, sent in each.sending.items():
            values[name]["send_us"].append(sent.send_us)
        for name, still in each.idle.items():
            values[name]["connects_per_s"].append(still.connects_per_s)
            values[name]["idle_kib"].append(still.idle_kib)
    return {
        name: Figures(**{field: round(median(seen), 2) for field, seen in fields.items()})
        for name, fields in values.items()
    }


_GOALS: Final[tuple[tuple[str, float, Callable[[Round], float]], ...]] = (
    (
        "receiving: ours / Locust's SocketIOUser",
        1 / 15,
        lambda r: r.receiving["ours"].receive_us / r.receiving["locust_contrib"].receive_us,
    ),
    (
        "receiving: ours / Node's client",
        1 / 2,
        lambda r: r.receiving["ours"].receive_us / r.receiving["node"].receive_us,
    ),
    (
        "sending: ours / Node's server",
        0.8,
        lambda r: r.sending["ours"].send_us / r.sending["node"].send_us,
    ),
    ("KiB for each idle subscriber of ours", 50.0, lambda r: r.idle["ours"].idle_kib),
)


def goals(rounds: Sequence[Round]) -> list[Goal]:
    """Each goal by the median of its rounds: what ran close together shared the machine's mood."""
    return [Goal.of(name, limit, rounds, read) for name, limit, read in _GOALS]
