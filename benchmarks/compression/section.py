"""The section `compression`: what an event costs with permessage-deflate agreed on and without."""

import time
from operator import attrgetter
from typing import Final

from msgspec import Struct

from benchmarks.figures import medians, ratios
from benchmarks.flow import Pace, measure_flow
from benchmarks.pairs import pair
from benchmarks.processes import Program, module
from benchmarks.section import Context, Outcome
from benchmarks.table import Column, contenders_table
from benchmarks.talk import Connected, Count, Counted, Listening, Open, Weigh, Weighed, Write

__all__ = ["run"]

_SOCKETS: Final = 50
_PACE: Final = Pace(per_s=20, warm_up_s=1, window_s=3)
_SETTLE_S: Final = 0.5
"""Until what was written last has come: far more than it takes."""

_SERVER: Final = module("benchmarks.client.chatengine")
_CLIENT: Final = module("benchmarks.client.socket_source")

_TEXTS: Final = {
    "short": "Olá, tudo bem? Pode me ajudar?",
    "long": "O seu pedido foi recebido e será enviado em até três dias úteis. " * 60,
}


class Cost(Struct, frozen=True):
    """Of each event: bytes on the wire, processor time of both ends. Of each socket: memory."""

    wire_bytes: float
    send_us: float
    receive_us: float
    server_kib: float
    client_kib: float


Round = dict[str, Cost]

Ratios = dict[str, dict[str, float]]
"""By figure and text: how it stands, deflated, to itself as it is."""


def run(context: Context) -> Outcome:
    """Measure; raises `CouldNotRun`."""
    rounds: list[Round] = []
    for number in range(context.rounds):
        measured: Round = {}
        for name, text in _TEXTS.items():
            for compression in (False, True):
                label = f"{name}, {'on' if compression else 'off'}"
                context.step(number, label)
                measured[label] = _cost(text, compression, context)
        rounds.append(measured)
    costs, to_off = medians(rounds), _to_off(rounds)
    columns = [column for figure in _SHOWN for column in _columns(*figure, to_off)]
    return Outcome(
        table=contenders_table("compression", _CAPTION, columns, costs),
        goals=[],
        record={"compression": {"texts": costs, "ratios": to_off, "rounds": rounds}},
    )


def _columns(heading: str, field: str, form: str, to_off: Ratios) -> tuple[Column, ...]:
    read = attrgetter(field)
    figure: Column = (heading, lambda _, each: read(each), form)
    ratio: Column = ("of\noff", lambda name, _: to_off[field].get(name), ".2f")
    return (figure,) if field in _MEMORY else (figure, ratio)


def _to_off(rounds: list[Round]) -> Ratios:
    found: Ratios = {}
    for field in Cost.__struct_fields__:
        found[field] = {}
        for name in _TEXTS:
            to_off = ratios(rounds, f"{name}, off", attrgetter(field))
            found[field][f"{name}, on"] = to_off[f"{name}, on"]
    return found


def _cost(text: str, compression: bool, context: Context) -> Cost:
    server = [*_SERVER, "deflate"] if compression else _SERVER
    with pair(server, _CLIENT, context.log) as (sending, receiving, listening):
        alone = sending.memory_kib(), receiving.memory_kib()
        _open(receiving, listening, compression)
        bytes_before, events_before = _weigh(receiving)
        flow = measure_flow(sending, receiving, lambda _: Write(text), _PACE)
        time.sleep(_SETTLE_S)
        bytes_after, events_after = _weigh(receiving)
        grown = sending.memory_kib() - alone[0], receiving.memory_kib() - alone[1]
    return Cost(
        wire_bytes=(bytes_after - bytes_before) / (events_after - events_before),
        send_us=flow.send_us,
        receive_us=flow.receive_us,
        server_kib=grown[0] / _SOCKETS,
        client_kib=grown[1] / _SOCKETS,
    )


def _open(receiving: Program, listening: Listening, compression: bool) -> None:
    wanted = Open(listening.url, listening.key, sockets=_SOCKETS, compression=compression)
    receiving.ask(wanted, Connected)


def _weigh(receiving: Program) -> tuple[int, int]:
    return receiving.ask(Weigh(), Weighed).bytes, receiving.ask(Count(), Counted).events


_SHOWN: Final = (
    ("bytes\n/event", "wire_bytes", ",.0f"),
    ("send\nus", "send_us", ".0f"),
    ("receive\nus", "receive_us", ".0f"),
    ("server\nKiB", "server_kib", ".0f"),
    ("client\nKiB", "client_kib", ".0f"),
)

_MEMORY: Final = ("server_kib", "client_kib")

_CAPTION: Final = (
    f"Of each event, {_SOCKETS} sockets that have one conversation open and hear of each message "
    f"in two events; {_PACE.per_s:g} messages/s. us: processor time of either process. KiB: what "
    f"each socket adds to its memory. short: {len(_TEXTS['short'])} characters; long: one sentence "
    f"again and again, {len(_TEXTS['long']):,} characters. As Node's server does, the fake leaves "
    "frames below 1 KiB as they are."
)
