"""`chatengine-harness fakes`: the fakes in the foreground, for a person or for a demo."""

import asyncio
import logging
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import click
import uvloop

from fakes.chatengine.settings import origins
from fakes.environment import Instance, Secret, SettingsError
from fakes.logs import log_json_lines
from fakes.serving import CouldNotListen, prepare_for_thousands, signalled
from fakes.together import FakesSettings, RunningFakes, running_fakes
from harness.exits import CouldNotRun
from locustfiles.options import OptionError, read_instances

__all__ = ["Plan", "run"]


class Plan(NamedTuple):
    """The command's options."""

    host: str
    chatengine_port: int
    evolution_port: int
    instances: str
    cors: str
    folder: Path
    verbose: bool


def run(plan: Plan) -> None:
    """Serve until Ctrl-C or SIGTERM; raises `CouldNotRun` and click's usage errors."""
    log_json_lines(level=logging.INFO if plan.verbose else logging.ERROR)
    prepare_for_thousands()
    settings = FakesSettings(
        secret=Secret(os.environ.get("CHATENGINE_JWT_SECRET") or secrets.token_urlsafe(32)),
        instances=_instances(plan.instances),
        host=plan.host,
        chatengine_port=plan.chatengine_port,
        evolution_port=plan.evolution_port,
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
        _write_secrets(
            secrets_file,
            {
                "CHATENGINE_URL": running.chatengine.url,
                "CHATENGINE_JWT_SECRET": settings.secret,
                "CHATENGINE_CONTROL_URL": running.chatengine.control.url,
                "CHATENGINE_CONTROL_TOKEN": running.chatengine.control.token,
                "EVOLUTION_API_URL": running.evolution.url,
                "EVOLUTION_API_KEY": settings.api_key,
                "EVOLUTION_CONTROL_URL": running.evolution.control.url,
                "EVOLUTION_CONTROL_TOKEN": running.evolution.control.token,
            },
        )
        try:
            click.echo(_introduction(running, settings, secrets_file))
            await stop.wait()
        finally:
            secrets_file.unlink(missing_ok=True)
    click.echo("Ended.")


def _introduction(running: RunningFakes, settings: FakesSettings, secrets_file: Path) -> str:
    workspaces = ", ".join(f"{i} ({s.workspace_id})" for i, s in settings.instances.items())
    shown = workspaces if len(workspaces) < 200 else f"{len(settings.instances)} instances"
    return "\n".join(
        (
            f"ChatEngine  {running.chatengine.url}  (Socket.IO at /api/ws)",
            f"Evolution   {running.evolution.url}",
            f"Control     {running.chatengine.control.url}, {running.evolution.control.url}",
            f"Instances   {shown}",
            f"Secrets     {secrets_file}  (set -a; . {secrets_file}; set +a)",
            "Ctrl-C ends them.",
        )
    )


def _write_secrets(path: Path, values: Mapping[str, str]) -> None:
    """Write shell assignments that only the owner can read."""
    path.unlink(missing_ok=True)  # made anew, so that no older, wider mode stays
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={shlex.quote(str(value))}\n" for name, value in values.items())


def _instances(text: str) -> dict[str, Instance]:
    try:
        workspaces = read_instances(text)
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    return {
        name: Instance(workspace, f"n-{number}")
        for number, (name, workspace) in enumerate(workspaces.items(), 1)
    }
