"""The section `engine`: what a delivered event, an idle subscriber and a connect cost."""

from collections.abc import Iterator
from typing import Final

from benchmarks.engine.contenders import RECEIVERS, SERVERS
from benchmarks.engine.figures import Round, figures, goals
from benchmarks.engine.measuring import idle, traffic
from benchmarks.engine.scenario import Scenario
from benchmarks.node import install_peers
from benchmarks.processes import CouldNotRun
from benchmarks.section import Context, Outcome
from benchmarks.table import Column, contenders_table
from fakes.serving import raise_open_file_limit

__all__ = ["run"]

_SPARE_FILES: Final = 200


def run(scenario: Scenario, context: Context) -> Outcome:
    """Measure; raises `CouldNotRun`."""
    needed = max(scenario.idle, scenario.subscribers) + _SPARE_FILES
    if raise_open_file_limit() < needed:
        raise CouldNotRun(f"{needed} open files are needed; raise the limit with ulimit -n")
    install_peers()
    rounds = list(_rounds(scenario, context))
    contenders = figures(rounds)
    return Outcome(
        table=contenders_table("engine", _caption(scenario), _COLUMNS, contenders),
        goals=goals(rounds),
        record={**contenders, "scenario": scenario, "rounds": rounds},
    )


def _rounds(scenario: Scenario, context: Context) -> Iterator[Round]:
    """Measure every contender once in each round, so that a machine's moods meet all of them."""
    for number in range(context.rounds):
        measured = Round()
        for name in RECEIVERS:
            context.step(number, f"{name} receives")
            measured.receiving[name] = traffic("ours", name, scenario, context.log)
        measured.sending["ours"] = measured.receiving["ours"]
        for name in [name for name in SERVERS if name != "ours"]:
            context.step(number, f"{name} sends")
            measured.sending[name] = traffic(name, "ours", scenario, context.log)
        for name in RECEIVERS:
            context.step(number, f"{name} connects and waits")
            measured.idle[name] = idle(name, scenario, context.log)
        yield measured


_COLUMNS: Final[tuple[Column, ...]] = (
    ("receive\nus", lambda _, each: each.receive_us, ".1f"),
    ("send\nus", lambda _, each: each.send_us, ".1f"),
    ("idle\nKiB", lambda _, each: each.idle_kib, ".1f"),
    ("connects\n/s", lambda _, each: each.connects_per_s, ",.0f"),
    ("offered\n/s", lambda _, each: each.offered_per_s, ",.0f"),
    ("delivered\n/s", lambda _, each: each.delivered_per_s, ",.0f"),
)


def _caption(scenario: Scenario) -> str:
    return (
        f"us: processor time of the process for each event delivered, {scenario.subscribers} "
        f"subscribers of {scenario.messages_per_s:g} messages/s of {scenario.wire_bytes} bytes. "
        f"idle KiB: memory of each of {scenario.idle} subscribers."
    )
