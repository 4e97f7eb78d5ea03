"""Before a run: is there a ChatEngine at the other end that takes us in?

One agent connects and one request is made, so that a wrong URL, a closed port, a wrong secret or
another kind of server is said in one sentence instead of by thousands of failed users.
"""

import resource
from typing import Final

import aiohttp

from chatengine import tokens
from locustfiles.engine.connection import Connection, dial, websocket_url
from locustfiles.engine.errors import ConnectFailed, ConnectRefused
from locustfiles.engine.thread import Engine
from locustfiles.options import Options
from reports.record import public_url

__all__ = ["PreflightError", "check", "check_open_files"]

_OTHER_FILES: Final = 150  # the interpreter, Locust, the page, and posts under way


class PreflightError(Exception):
    """The run could not begin; `str` is one sentence that says what to do."""


def check(engine: Engine, options: Options, now: float) -> None:
    """Connect one agent and look at the webhook; raises `PreflightError`."""
    engine.run(lambda: _connect(options, now))
    if options.message_rate:
        engine.run(lambda: _look_at_webhook(options))


def check_open_files(users: int) -> None:
    """Is there room for a socket for each of a process's users? Raises `PreflightError`."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and users + _OTHER_FILES > allowed:
        raise PreflightError(
            f"{users} users need as many open files, and this process may have {allowed}: raise "
            f"the hard limit (ulimit -Hn {users + _OTHER_FILES}, as root), or ask for fewer users"
        )


async def _connect(options: Options, now: float) -> None:
    workspace = next(iter(options.instances.values()))
    token = tokens.mint(options.rules, workspace_id=workspace, subject="preflight", now=now)
    url = websocket_url(options.host, options.socket_path)
    auth = {"token": token, "workspaceId": workspace}
    try:
        connection: Connection = await dial(
            url, auth, _Nobody(), timeout_s=options.timeout_seconds, tls=options.tls()
        )
    except ConnectRefused as refusal:
        advice = "is CHATENGINE_JWT_SECRET the secret that it verifies tokens with?"
        if refusal.code == "forbidden":
            advice = f"does the workspace {workspace!r} of --instances exist there?"
        raise PreflightError(f"{_first_upper(str(refusal))}; {advice}") from None
    except ConnectFailed as failure:
        raise PreflightError(
            f"{_first_upper(str(failure))}; is a ChatEngine running at {public_url(options.host)}, "
            f"with Socket.IO at {options.socket_path} (--socket-path)?"
        ) from None
    await connection.close()


async def _look_at_webhook(options: Options) -> None:
    shown = public_url(options.webhook_url)
    timeout = aiohttp.ClientTimeout(total=options.timeout_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(
                options.webhook_url, ssl=options.tls() or True, allow_redirects=False
            ) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise PreflightError(f"No answer from the webhook {shown}: {error}") from None
    if status != 200:
        raise PreflightError(
            f"The webhook {shown} answered {status} to a GET, where a ChatEngine "
            "answers 200; is --webhook-url right?"
        )


class _Nobody:
    """Receives and ignores."""

    def on_known(self, payload: bytes) -> bool:
        """Nothing is."""
        return False

    def on_message(self, event: bytes) -> None:
        """Ignore it."""

    def on_event(self, name: str, arguments: list[object]) -> None:
        """Ignore it."""

    def on_lost(self, cause: str) -> None:
        """Ignore it."""


def _first_upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
