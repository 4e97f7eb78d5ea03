"""The section `supabase`: what a changed row costs, and how long it takes until rows come."""

from importlib.util import find_spec
from typing import Final

from benchmarks.figures import Goal, medians, ratios
from benchmarks.node import install_peers, script
from benchmarks.pairs import Contender, Receiving, receive
from benchmarks.processes import CouldNotRun, module
from benchmarks.section import Context, Outcome
from benchmarks.table import Column, contenders_table

__all__ = ["CONTENDERS", "FAKE", "goals", "run"]

Round = dict[str, Receiving]

_PEER: Final = "realtime"
FAKE: Final = module("benchmarks.supabase.fake")
CONTENDERS: Final = {
    _PEER: Contender(module("benchmarks.supabase.official"), events=2),
    "supabase_js": Contender(script("supabase.mjs"), events=2),
    "ours": Contender(module("benchmarks.supabase.ours"), events=2),
    # The list's channel tells of the new message once more.
    "crm_client": Contender([*module("benchmarks.client.crm"), "supabase"], events=3),
}


def run(context: Context) -> Outcome:
    """Measure; raises `CouldNotRun`."""
    if find_spec("realtime") is None:
        raise CouldNotRun("Supabase's Python client is not installed: pip install -e '.[dev]'")
    install_peers()
    rounds: list[Round] = []
    for number in range(context.rounds):
        measured: Round = {}
        for name, contender in CONTENDERS.items():
            context.step(number, f"{name} receives")
            measured[name] = receive(FAKE, contender, context.log)
        rounds.append(measured)
    contenders = medians(rounds)
    cost = ratios(rounds, _PEER, lambda each: each.receive_us)
    wait = ratios(rounds, _PEER, lambda each: each.serving_ms)
    columns: tuple[Column, ...] = (
        ("receive\nus", lambda _, each: each.receive_us, ".0f"),
        ("ratio", lambda name, _: cost[name], ".2f"),
        ("until\nserved ms", lambda _, each: each.serving_ms, ".0f"),
        ("ratio", lambda name, _: wait[name], ".2f"),
        ("offered\n/s", lambda _, each: each.offered_per_s, ",.0f"),
        ("delivered\n/s", lambda _, each: each.delivered_per_s, ",.0f"),
    )
    record = {
        "contenders": contenders,
        "ratios": {"receive_us": cost, "serving_ms": wait},
        "rounds": rounds,
    }
    return Outcome(
        table=contenders_table("supabase", _CAPTION, columns, contenders),
        goals=goals(rounds),
        record={"supabase": record},
    )


def goals(rounds: list[Round]) -> list[Goal]:
    """An own client has to be much the better one, or the official one would have done."""
    name = "a change: the client's Realtime / Supabase's Python client"
    return [
        Goal.of(name, 1 / 4, rounds, lambda r: r["ours"].receive_us / r[_PEER].receive_us),
    ]


_CAPTION: Final = (
    "us: processor time of the process for each change. One channel, 500 changes/s, half new rows "
    "and half updates, in bursts every 100 ms, as Realtime polls. until served: from nothing to "
    "the word of the server that changes come from now on, for which the fake takes 100 ms. "
    "ratio: to realtime."
)
