"""`chatengine-harness watch`: its options, where its secrets come from, how it ends."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Final

import click
import uvloop

from chatengine.client import (
    ChatEngineConfig,
    ClientConfig,
    ConfigError,
    SupabaseConfig,
    TokenConfig,
)
from chatengine.client.core.reading import Malformed, identity
from chatengine.events import SOCKET_PATH
from fakes.serving import CouldNotListen
from harness.exits import CouldNotRun
from harness.watch.run import Plan, run

__all__ = ["read_config", "watch"]

_LONGEST_S: Final = 86_400
_OPTIONS: Final = {
    "chatengine.url": "--url",
    "chatengine.path": "--path",
    "supabase.url": "--supabase-url",
    "workspaceId": "--workspace",
    "userId": "--user",
}


@click.command()
@click.option("--url", metavar="URL", help="ChatEngine: http(s)://host[:port].")
@click.option("--path", default=SOCKET_PATH, show_default=True, help="Of ChatEngine's Socket.IO.")
@click.option("--workspace", metavar="ID", help="The workspace to look at.")
@click.option("--user", default="watch", show_default=True, metavar="ID", help="Who looks.")
@click.option("--number", metavar="ID", help="One WhatsApp number alone [default: all].")
@click.option("--supabase-url", metavar="URL", help="Supabase, for when ChatEngine is away.")
@click.option("--open", "opened", metavar="ID", help="A conversation to open at once.")
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(0, _LONGEST_S, min_open=True),
    metavar="SECONDS",
    help="End after so long.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve Prometheus' metrics there, on loopback; 0: a free port.",
)
@click.option("--demo", is_flag=True, help="On embedded fakes, while their network fails.")
@click.option("--seed", type=int, default=1, show_default=True, help="Draws what the demo plays.")
@click.option("--plain", is_flag=True, help="Lines instead of a screen, also in a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Lines of JSON, for a program.")
def watch(**options: Any) -> None:
    """The CRM in a terminal: conversations, messages, typing, and how the connection fares.

    Without a terminal it prints what happens, a line each. Secrets come from the environment:
    CHATENGINE_JWT_SECRET for --url, SUPABASE_ANON_KEY for --supabase-url.

    \b
    Begin with:  chatengine-harness watch --demo
    Then:        chatengine-harness watch --url https://your-chatengine --workspace w-1
    """
    plan = Plan(**options)
    _check(plan)
    config = None if plan.demo else read_config(plan, os.environ)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(plan, config))
    except CouldNotListen as error:
        raise CouldNotRun(str(error)) from None


def read_config(plan: Plan, environment: Mapping[str, str]) -> ClientConfig:
    """The client's configuration from options and environment; raises `click.UsageError`."""
    if plan.url is None and plan.supabase_url is None:
        raise click.UsageError("nothing to watch: give --url, --supabase-url, or --demo")
    if not plan.workspace:
        raise click.UsageError("--workspace is missing: whose conversations are to be shown?")
    try:
        return ClientConfig(
            workspace_id=plan.workspace,
            user_id=plan.user,
            whatsapp_number_id=plan.number,
            **_chatengine(plan, environment),
            **_supabase(plan, environment),
        )
    except ConfigError as error:
        raise click.UsageError(_in_options(str(error))) from None


def _chatengine(plan: Plan, environment: Mapping[str, str]) -> dict[str, Any]:
    if plan.url is None:
        return {}
    secret = _secret(environment, "CHATENGINE_JWT_SECRET", "--url")
    return {
        "chatengine": ChatEngineConfig(url=plan.url, path=plan.path),
        "token": TokenConfig(secret=secret),
    }


def _supabase(plan: Plan, environment: Mapping[str, str]) -> dict[str, Any]:
    if plan.supabase_url is None:
        return {}
    key = _secret(environment, "SUPABASE_ANON_KEY", "--supabase-url")
    return {"supabase": SupabaseConfig(url=plan.supabase_url, anon_key=key)}


def _check(plan: Plan) -> None:
    if plan.demo and (plan.url or plan.supabase_url or plan.workspace or plan.number):
        raise click.UsageError("--demo brings its own servers: leave out where others are")
    try:
        identity(plan.opened or "any")
    except Malformed as error:
        raise click.UsageError(f"--open is no conversation: {error}") from None


def _in_options(sentence: str) -> str:
    """A sentence of the configuration in the words of the command line."""
    for name, option in _OPTIONS.items():
        sentence = sentence.replace(name, option)
    return sentence


def _secret(environment: Mapping[str, str], name: str, option: str) -> str:
    secret = environment.get(name)
    if not secret:
        raise click.UsageError(f"{name} is not set: {option} needs it in the environment")
    return secret
