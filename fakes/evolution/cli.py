"""The command line: the provider in the foreground, and customers that write without one.

Exit codes: 0 done or ended by a signal, 2 usage, 3 could not run (a taken port, no ChatEngine).
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec
import uvloop

from fakes.environment import Environment, Instance, Secret, SettingsError, is_http_url
from fakes.evolution.background import background
from fakes.evolution.bodies import Contact, Content, Kind
from fakes.evolution.customers import Simulation
from fakes.evolution.orders import BadOrder, jid_of
from fakes.evolution.plays import customers_write
from fakes.evolution.provider import Provider
from fakes.evolution.replay import Recording, RecordingError, replay
from fakes.evolution.running import serving_evolution
from fakes.evolution.settings import EvolutionSettings, RetrySettings
from fakes.evolution.webhook import WebhookCaller, calling
from fakes.logs import log_json_lines
from fakes.serving import EXIT_COULD_NOT_RUN, run, signalled

__all__ = ["main"]


def _webhook(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not is_http_url(value):
        raise click.BadParameter("not an http(s) URL")
    return value


_WEBHOOK: Final = click.option(
    "--webhook", required=True, envvar="WEBHOOK_URL", callback=_webhook, help="ChatEngine's URL."
)
_INSTANCE: Final = click.option("--instance", required=True, help="The instance written to.")


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Run the fake WhatsApp provider, its settings from the environment; or write as a customer."""
    if context.invoked_subcommand is None:
        sys.exit(run(lambda: serving_evolution(EvolutionSettings.from_environment(os.environ))))


@main.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), default=1.0)
@click.option("--fresh-ids", is_flag=True, help="Replace the message ids, to play it again.")
@_WEBHOOK
def _replay(file: Path, speed: float, fresh_ids: bool, webhook: str) -> None:
    """Play a recording of webhooks (JSON lines with `at` and `body`) as if it happened now."""
    try:
        recording = Recording.read(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, RecordingError) as error:
        raise click.UsageError(f"{file} is no recording: {error}") from None
    _play(webhook, lambda caller: replay(recording, caller.post, speed=speed, fresh_ids=fresh_ids))


@main.command("customers")
@_INSTANCE
@click.option("--customers", type=click.IntRange(1, 100_000), default=20, help="How many.")
@click.option("--rate", type=click.FloatRange(0, 1000, min_open=True), default=1.0, help="Per s.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Without: until ended.")
@click.option("--seed", type=int, default=1)
@_WEBHOOK
def _customers(
    instance: str, customers: int, rate: float, seconds: float | None, seed: int, webhook: str
) -> None:
    """Let customers write, on and on or for some seconds; the same seed writes the same."""
    simulation = Simulation(
        instance=instance, customers=customers, rate=rate, seconds=seconds, seed=seed
    )

    async def write_all(caller: WebhookCaller) -> None:
        async with background() as tasks:
            await customers_write(Provider(_only(instance), caller, tasks), simulation)
            await tasks.finished()

    _play(webhook, write_all)


@main.command("write")
@_INSTANCE
@click.option("--number", required=True, help="Whose: digits or a JID.")
@click.option("--name", default="Maria Souza")
@click.option("--kind", type=click.Choice(get_args(Kind)), default="text")
@click.option("--url", default="https://mmg.example.com/v/t62/file.enc", help="Of the file.")
@click.argument("text", default="")
@_WEBHOOK
def _write(
    instance: str, number: str, name: str, kind: Kind, url: str, text: str, webhook: str
) -> None:
    """Write one message as a customer; TEXT is the caption where the kind is not text."""
    try:
        contact = Contact(jid_of(number), name)
    except BadOrder:
        raise click.UsageError("--number is neither digits nor a JID") from None
    content = Content(kind=kind, text=text, url="" if kind == "text" else url)

    async def write_one(caller: WebhookCaller) -> None:
        async with background() as tasks:
            await Provider(_only(instance), caller, tasks).customer_writes(
                instance, contact, content
            )

    _play(webhook, write_one)


def _only(instance: str) -> EvolutionSettings:
    """Settings of a provider that nobody can call: it only writes."""
    return EvolutionSettings(instances={instance: Instance("")}, api_key=Secret(""))


def _play(webhook: str, play: Callable[[WebhookCaller], Coroutine[Any, Any, object]]) -> None:
    """Run `play` to its end or until a signal, print what its calls came to, and exit."""
    log_json_lines()
    try:
        retry = RetrySettings.read(Environment(os.environ))
    except SettingsError as error:
        raise click.UsageError(str(error)) from None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        caller = runner.run(_played(webhook, retry, play))
    print(msgspec.json.encode({"outcomes": caller.outcomes}).decode())
    if caller.unanswered:
        print(f"ChatEngine did not take everything at {webhook}", file=sys.stderr)
        sys.exit(EXIT_COULD_NOT_RUN)


async def _played(
    webhook: str,
    retry: RetrySettings,
    play: Callable[[WebhookCaller], Coroutine[Any, Any, object]],
) -> WebhookCaller:
    async with signalled() as stop, calling(webhook, retry) as caller:
        playing = asyncio.create_task(play(caller))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((playing, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in (playing, stopping):
            task.cancel()
        await asyncio.wait((playing, stopping))
        if not playing.cancelled():
            playing.result()
        return caller
