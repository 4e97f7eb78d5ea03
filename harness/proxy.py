"""`chatengine-harness proxy`: the fault proxy in the foreground."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec
import uvloop

from fakes.control import ControlSettings
from fakes.environment import SettingsError
from fakes.logs import log_json_lines
from fakes.network import (
    Bandwidth,
    Latency,
    ProxySettings,
    Rule,
    Schedule,
    ScheduleError,
    Slice,
    checked,
    parse_listen,
    parse_target,
    read_schedule,
    running_proxy,
)
from fakes.serving import CouldNotListen, prepare_for_thousands, signalled
from harness.exits import CouldNotRun

__all__ = ["proxy"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_MS = click.IntRange(0, 3_600_000)
_BYTES = click.IntRange(1, 10**12)
_SLICE = click.IntRange(1, 65_536)


class _Plan(NamedTuple):
    """The command's options."""

    listen: str
    target: str
    latency: int | None
    jitter: int | None
    bandwidth: int | None
    size: int | None
    seed: int
    rules: tuple[str, ...]
    schedule: Path | None
    log: Path | None
    control_port: int
    control_token_file: Path | None
    verbose: bool


@click.command()
@click.argument("listen")
@click.argument("target")
@click.option("--latency", metavar="MS", type=_MS, help="Everything takes so long.")
@click.option("--jitter", metavar="MS", type=_MS, help="And up to so much longer.")
@click.option("--bandwidth", metavar="BYTES", type=_BYTES, help="A second, each way.")
@click.option("--slice", "size", metavar="BYTES", type=_SLICE, help="Of each write.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the jitter.")
@click.option("--rule", "rules", metavar="JSON", multiple=True, help="Any fault (docs/proxy.md).")
@click.option("--schedule", type=_FILE, help="Rules of a file: a schedule, or a log to replay.")
@click.option("--log", type=_FILE, help="Write what happens, to be replayed by --schedule.")
@click.option("--control-port", default=0, type=click.IntRange(0, 65535), help="[default: free]")
@click.option("--control-token-file", type=_FILE, help="[default: a fresh private file]")
@click.option("--verbose", is_flag=True, help="Log what happens, as JSON lines on stderr.")
def proxy(**options: Any) -> None:
    """TCP in front of TARGET, over a network that fails as it is told, until Ctrl-C.

    LISTEN is PORT, :PORT or HOST:PORT, on loopback unless a host is named, 0 for a free port;
    TARGET is HOST:PORT or a URL. TLS passes untouched. More faults by its control interface.

    \b
    chatengine-harness proxy 4010 127.0.0.1:4001 --latency 80 --jitter 40
    chatengine-harness proxy 4010 4001 --rule '{"fault": {"kind": "cut"},
        "on": {"at": "frame", "nth": 3, "direction": "to_client", "prefix": "42"}}'
    """
    _run(_Plan(**options))


def _run(plan: _Plan) -> None:
    try:
        settings = _settings(plan)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    log_json_lines(level=logging.INFO if plan.verbose else logging.WARNING)
    prepare_for_thousands()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except CouldNotListen as error:
        raise CouldNotRun(f"{error}; choose another port, or 0 for a free one") from None
    except SettingsError as error:
        raise CouldNotRun(str(error)) from None


def _settings(plan: _Plan) -> ProxySettings:
    rules = (*_from_file(plan.schedule).rules, *_shaping(plan), *map(_rule, plan.rules))
    listen, target = parse_listen(plan.listen), parse_target(plan.target)
    if listen.port == target.port and _is_same(listen.host, target.host):
        raise SettingsError(
            f"TARGET is the proxy itself: {target}"
        )  # each connection makes another
    return ProxySettings(
        target=target,
        listen=listen,
        schedule=checked(Schedule(rules)),
        log_file=plan.log,
        control=ControlSettings(port=plan.control_port, token_file=plan.control_token_file),
    )


def _is_same(listen: str, target: str) -> bool:
    several = listen in ("localhost", "0.0.0.0", "::")
    return target == listen or (several and target in ("127.0.0.1", "::1", "localhost"))


def _shaping(plan: _Plan) -> Iterator[Rule]:
    if plan.latency is not None or plan.jitter is not None:
        yield Rule(Latency(plan.latency or 0, plan.jitter or 0, plan.seed))
    if plan.bandwidth is not None:
        yield Rule(Bandwidth(plan.bandwidth))
    if plan.size is not None:
        yield Rule(Slice(plan.size))


def _rule(text: str) -> Rule:
    try:
        return msgspec.json.decode(text, type=Rule)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ScheduleError(f"--rule cannot be used: {error}: {text[:80]}") from None


def _from_file(path: Path | None) -> Schedule:
    if path is None:
        return Schedule()
    try:
        return read_schedule(path.read_bytes())
    except OSError as error:
        raise ScheduleError(f"{path} cannot be read: {error.strerror}") from None
    except ScheduleError as error:
        raise ScheduleError(f"{path}: {error}") from None


async def _serve(settings: ProxySettings) -> None:
    async with signalled() as stop, running_proxy(settings) as running:
        click.echo(
            f"Proxy    {running.address} in front of {settings.target}\n"
            f"Rules    {len(settings.schedule.rules)}\n"
            f"Control  {running.control.url}  (token in {running.control.token_file})\n"
            "Ctrl-C ends it."
        )
        await stop.wait()
        stats = running.stats
    happened = ", ".join(f"{kind} {times}" for kind, times in sorted(stats.fired.items()))
    click.echo(f"Ended after {stats.accepted} connections; faults: {happened or 'none'}.")
