"""`chatengine-harness fakes`: the fakes in the foreground, for a person or for a demo."""

import asyncio
import json
import logging
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
import uvloop

from chatengine.events import SOCKET_PATH
from fakes.chatengine.settings import origins
from fakes.control import ControlDoor
from fakes.environment import Instance, Secret, SettingsError
from fakes.logs import log_json_lines
from fakes.serving import CouldNotListen, prepare_for_thousands, signalled
from fakes.supabase.keys import SHORTEST_SECRET
from fakes.together import Fake, FakesSettings, RunningFakes, running_fakes
from harness.exits import CouldNotRun
from locustfiles.options import OptionError, read_instances

__all__ = ["fakes"]

_PORT = click.IntRange(0, 65535)
_FAKE = click.Choice(get_args(Fake))
_FOLDER = click.Path(path_type=Path)

_PROXY = "Put a fault proxy in front of that fake; may be given for each."
_INSTANCES = "WhatsApp instances and their workspaces."
_CORS = "Origins that a browser may call from."
_SECRETS = "Where the secrets are put, readable by you alone."


class _Plan(NamedTuple):
    """The command's options."""

    host: str
    chatengine_port: int
    supabase_port: int
    no_supabase: bool
    evolution_port: int
    proxied: tuple[Fake, ...]
    instances: str
    cors: str
    folder: Path
    verbose: bool


@click.command(context_settings={"show_default": True})
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--chatengine-port", default=4001, type=_PORT, help="0: a free one.")
@click.option("--supabase-port", default=4002, type=_PORT, help="0: a free one.")
@click.option("--no-supabase", is_flag=True, help="ChatEngine and Evolution alone.")
@click.option("--evolution-port", default=4003, type=_PORT, help="0: a free one.")
@click.option("--proxy", "proxied", multiple=True, type=_FAKE, help=_PROXY)
@click.option("--instances", default="sales-1=w-1,support-1=w-2", help=_INSTANCES)
@click.option("--cors", default="http://localhost:3000,http://localhost:5173", help=_CORS)
@click.option("--folder", default="out/fakes", type=_FOLDER, help=_SECRETS)
@click.option("--verbose", is_flag=True, help="Log what happens, as JSON lines on stderr.")
def fakes(**options: Any) -> None:
    """The fake ChatEngine, Supabase and WhatsApp provider, over one set of data, until Ctrl-C.

    The official socket.io-client and supabase-js connect to them. Secrets are CHATENGINE_JWT_SECRET
    and SUPABASE_JWT_SECRET where those are set, else fresh ones; with all keys they are written to
    FOLDER/secrets.env and never printed.
    """
    plan = _Plan(**options)
    if plan.no_supabase and "supabase" in plan.proxied:
        raise click.UsageError("--no-supabase leaves nothing to put a proxy in front of")
    _run(plan)


def _run(plan: _Plan) -> None:
    log_json_lines(level=logging.INFO if plan.verbose else logging.ERROR)
    prepare_for_thousands()
    settings = FakesSettings(
        secret=_secret("CHATENGINE_JWT_SECRET"),
        supabase_secret=_supabase_secret(),
        instances=_instances(plan.instances),
        host=plan.host,
        chatengine_port=plan.chatengine_port,
        supabase_port=None if plan.no_supabase else plan.supabase_port,
        evolution_port=plan.evolution_port,
        proxied=frozenset(plan.proxied),
        cors_allowed_origins=origins(plan.cors),
        api_key=Secret(secrets.token_urlsafe(24)),
        folder=plan.folder,
    )
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, plan.folder))
    except CouldNotListen as error:
        raise CouldNotRun(f"{error}; choose another port, or 0 for a free one") from None
    except SettingsError as error:
        raise CouldNotRun(str(error)) from None
    except OSError as error:
        raise CouldNotRun(f"cannot write to {plan.folder}: {error.strerror}") from None


async def _serve(settings: FakesSettings, folder: Path) -> None:
    async with signalled() as stop, running_fakes(settings) as running:
        secrets_file = folder / "secrets.env"
        _write_secrets(secrets_file, _values(running, settings))
        try:
            click.echo(_introduction(running, settings, secrets_file))
            await stop.wait()
        finally:
            secrets_file.unlink(missing_ok=True)
    click.echo("Ended.")


def _values(running: RunningFakes, settings: FakesSettings) -> dict[str, str]:
    """The variables that a client, a test or a script needs; the anonymous key of the first
    workspace by itself, those of all as JSON by workspace.
    """
    values = {
        "CHATENGINE_URL": running.url_of("chatengine"),
        "CHATENGINE_JWT_SECRET": settings.secret,
        **_control("CHATENGINE", running.chatengine.control),
        "EVOLUTION_API_URL": running.url_of("evolution"),
        "EVOLUTION_API_KEY": settings.api_key,
        **_control("EVOLUTION", running.evolution.control),
    }
    if running.supabase is not None:
        keys = running.supabase.anon_keys
        values |= {
            "SUPABASE_URL": running.url_of("supabase"),
            "SUPABASE_ANON_KEY": next(iter(keys.values())),
            "SUPABASE_ANON_KEYS": json.dumps(keys),
            "SUPABASE_SERVICE_ROLE_KEY": running.supabase.service_key,
            "SUPABASE_JWT_SECRET": settings.supabase_secret,
            **_control("SUPABASE", running.supabase.control),
        }
    for fake, proxy in running.proxies.items():
        values |= _control(f"{fake.upper()}_PROXY", proxy.control)
    return values


def _control(name: str, door: ControlDoor) -> dict[str, str]:
    return {f"{name}_CONTROL_URL": door.url, f"{name}_CONTROL_TOKEN": door.token}


def _introduction(running: RunningFakes, settings: FakesSettings, secrets_file: Path) -> str:
    workspaces = ", ".join(f"{i} ({s.workspace_id})" for i, s in settings.instances.items())
    shown = workspaces if len(workspaces) < 200 else f"{len(settings.instances)} instances"
    controls = [running.chatengine.control.url, running.evolution.control.url]
    lines = [f"ChatEngine  {running.url_of('chatengine')}  (Socket.IO at {SOCKET_PATH})"]
    if running.supabase is not None:
        lines.append(f"Supabase    {running.url_of('supabase')}  (Realtime and REST)")
        controls.insert(1, running.supabase.control.url)
    lines.append(f"Evolution   {running.url_of('evolution')}")
    lines.append(f"Control     {', '.join(controls)}")
    for fake, proxy in running.proxies.items():
        lines.append(f"Proxy       in front of {fake}, controlled at {proxy.control.url}")
    lines += [
        f"Instances   {shown}",
        f"Secrets     {secrets_file}  (set -a; . {secrets_file}; set +a)",
        "Ctrl-C ends them.",
    ]
    return "\n".join(lines)


def _write_secrets(path: Path, values: Mapping[str, str]) -> None:
    """Write shell assignments that only the owner can read."""
    path.unlink(missing_ok=True)  # made anew, so that no older, wider mode stays
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())


def _secret(name: str) -> Secret:
    """The secret from the environment, else a fresh one."""
    return Secret(os.environ.get(name) or secrets.token_urlsafe(32))


def _supabase_secret() -> Secret:
    """Supabase's secret; one that is too short for HS256 raises `CouldNotRun`."""
    secret = _secret("SUPABASE_JWT_SECRET")
    if len(secret) < SHORTEST_SECRET:
        raise CouldNotRun(f"SUPABASE_JWT_SECRET has less than {SHORTEST_SECRET} characters")
    return secret


def _instances(text: str) -> dict[str, Instance]:
    try:
        workspaces = read_instances(text)
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    return {
        name: Instance(workspace, f"n-{number}")
        for number, (name, workspace) in enumerate(workspaces.items(), 1)
    }
