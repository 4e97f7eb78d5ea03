"""The section `client`: what an event costs the CRM client's socket, and the whole of it."""

from typing import Final

from benchmarks.figures import Goal, medians, ratios
from benchmarks.pairs import Contender, Receiving, receive
from benchmarks.processes import module
from benchmarks.section import Context, Outcome
from benchmarks.table import Column, contenders_table

__all__ = ["CONTENDERS", "FAKE", "goals", "run"]

Round = dict[str, Receiving]

_PEER: Final = "python_socketio"
FAKE: Final = module("benchmarks.client.chatengine")
CONTENDERS: Final = {
    _PEER: Contender(module("benchmarks.client.raw"), events=2),
    "socket": Contender(module("benchmarks.client.socket_source"), events=2),
    "crm_client": Contender([*module("benchmarks.client.crm"), "websocket"], events=2),
}


def run(context: Context) -> Outcome:
    """Measure; raises `CouldNotRun`."""
    rounds: list[Round] = []
    for number in range(context.rounds):
        measured: Round = {}
        for name, contender in CONTENDERS.items():
            context.step(number, f"{name} receives")
            measured[name] = receive(FAKE, contender, context.log)
        rounds.append(measured)
    contenders = medians(rounds)
    to_peer = ratios(rounds, _PEER, lambda each: each.receive_us)
    columns: tuple[Column, ...] = (
        ("receive\nus", lambda _, each: each.receive_us, ".0f"),
        ("of python-\nsocketio", lambda name, _: to_peer[name], ".2f"),
        ("offered\n/s", lambda _, each: each.offered_per_s, ",.0f"),
        ("delivered\n/s", lambda _, each: each.delivered_per_s, ",.0f"),
    )
    return Outcome(
        table=contenders_table("client", _CAPTION, columns, contenders),
        goals=goals(rounds),
        record={"client": {"contenders": contenders, "ratios": to_peer, "rounds": rounds}},
    )


def goals(rounds: list[Round]) -> list[Goal]:
    """What the socket adds to the library it is built on may cost nothing."""
    name = "an event: the client's socket / python-socketio's client"
    return [
        Goal.of(name, 1.0, rounds, lambda r: r["socket"].receive_us / r[_PEER].receive_us),
    ]


_CAPTION: Final = (
    "us: processor time of the process for each event. One socket, one conversation, a customer "
    "who writes 250 messages/s: 500 events/s, as each comes with its conversation. crm_client: "
    "all of it, a listener that hears of each change included."
)
