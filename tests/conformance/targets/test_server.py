"""Servers under test: commands that start, end, crash or hang, and what stands at a URL."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiohttp import ClientError, ClientSession, web

from conformance.outcomes import NotApplicable, TargetGone
from conformance.settings import ServerTarget
from conformance.targets import server as module
from conformance.targets.server import ServerAtUrl, ServerCommand, environment_of
from conformance.targets.servers import INSTANCES, Servers
from fakes.chatengine.settings import ChatEngineSettings, ProviderSettings
from fakes.environment import Secret
from fakes.serving import serving

SETTINGS: Final = ChatEngineSettings(
    secret=Secret("shared"), instances=INSTANCES, provider=ProviderSettings(url="http://x.invalid")
)
HEALTHY: Final = """
import http.server, os, signal, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            print("out of cheese", file=sys.stderr, flush=True)
            os._exit(7)
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *_): pass
http.server.HTTPServer.allow_reuse_address = True
server = http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Health)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("a word before", flush=True)
print("x" * 3_000_000, flush=True)
print("listening", os.environ["PORT"], flush=True)
server.serve_forever()
"""


def command(program: str) -> ServerCommand:
    """A server that is a few lines of Python."""
    return ServerCommand((sys.executable, "-c", program), SETTINGS)


@asynccontextmanager
async def healthy() -> AsyncIterator[tuple[ServerCommand, ClientSession]]:
    """A server that answers, and a session to ask it with."""
    server = command(HEALTHY)
    async with ClientSession() as http:
        await server.start()
        try:
            yield server, http
        finally:
            await server.stop()


async def test_a_command_that_listens() -> None:
    """Whatever it prints before, `listening <port>` is found; a long line is no obstacle."""
    async with healthy() as (server, http):
        assert await server.problem(http) is None
        assert server.ending is None


async def test_a_command_is_told_its_settings() -> None:
    """Section 10's variables, none that is unset, and none of ours."""
    told = environment_of(SETTINGS)
    assert told["CHATENGINE_JWT_SECRET"] == "shared"
    assert told["PING_INTERVAL"] == "25000"
    assert told["MESSAGE_SCOPE"] == "conversation"
    assert '"sales-1":{"workspaceId":"w-1","whatsappNumberId":"n-1"}' in told["INSTANCES"]
    assert not {"CHATENGINE_JWT_ISSUER", "CHATENGINE_JWT_AUDIENCE"} & set(told)


async def test_our_own_settings_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in the harness's environment is not taken for the server's."""
    monkeypatch.setenv("CHATENGINE_JWT_ISSUER", "ours")
    server = command("import os, sys; sys.exit(os.environ.get('CHATENGINE_JWT_ISSUER') or 3)")
    with pytest.raises(TargetGone, match="exit code 3"):
        await server.start()


async def test_a_killed_server_comes_back_on_its_port() -> None:
    """It is there again at the same address."""
    async with healthy() as (server, http):
        url = server.url
        await server.restart()
        assert server.url == url
        assert await server.problem(http) is None


async def test_a_stopped_server_says_how_it_ended() -> None:
    """SIGTERM is heeded, and the end is told in words."""
    async with healthy() as (server, http):
        await server.stop()
        assert server.ending == "it ended with exit code 0"
        assert await server.problem(http) == "it ended with exit code 0"


async def test_a_crash_is_told_with_the_last_words() -> None:
    """What a server leaves on stderr says why."""
    async with healthy() as (server, http):
        with pytest.raises(ClientError):
            await http.get(server.url + "/crash")
        assert await server.problem(http) == (
            "it ended with exit code 7; its last words: 'out of cheese'"
        )


async def test_a_command_that_is_none() -> None:
    """The program is named, and what the system says of it."""
    with pytest.raises(TargetGone) as gone:
        await ServerCommand(("no-such-program-5d1c", "x"), SETTINGS).start()
    assert str(gone.value) == (
        "The server `no-such-program-5d1c x` cannot be started: No such file or directory."
    )


async def test_a_command_that_ends_at_once() -> None:
    """Its exit code and last words are told."""
    with pytest.raises(TargetGone, match=r"ended with exit code 1; its last words: 'no settings'"):
        await command("import sys; sys.exit('no settings')").start()


async def test_a_command_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, to a deadline, and ended."""
    monkeypatch.setattr(module, "_START_S", 0.3)
    server = command("import time; time.sleep(60)")
    with pytest.raises(TargetGone, match=r"it did not say `listening` within 0.3 s"):
        await server.start()
    assert server.ending == "it ended with signal SIGKILL"


@asynccontextmanager
async def page(body: str, content_type: str) -> AsyncIterator[str]:
    """Something at a URL that answers everything alike."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type=content_type)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def test_nothing_at_the_url() -> None:
    """A server that refuses connections is gone, in one sentence."""
    async with ClientSession() as http:
        server = ServerAtUrl(SETTINGS, "http://127.0.0.1:9")
        with pytest.raises(TargetGone, match=r"^The server at http://127.0.0.1:9 cannot be tried"):
            await server.check(http)


async def test_nothing_where_a_command_says_that_it_listens() -> None:
    """A command that listens nowhere is gone, in one sentence: no check is tried on it."""
    program = 'import time; print("listening 9", flush=True); time.sleep(60)'
    async with ClientSession() as http:
        pool = servers(http, command=(sys.executable, "-c", program))
        try:
            with pytest.raises(TargetGone, match=r"^The server `.*` cannot be tried: it cannot be"):
                await pool.usual()
        finally:
            await pool.close()


async def test_html_at_the_url() -> None:
    """What answers HTML to everything is no ChatEngine."""
    async with page("<html>welcome</html>", "text/html") as url, ClientSession() as http:
        with pytest.raises(TargetGone) as gone:
            await ServerAtUrl(SETTINGS, url).check(http)
        assert str(gone.value) == f"The server at {url} answers HTML: that is no ChatEngine."


async def test_something_else_at_the_url() -> None:
    """What answers otherwise is for the checks to judge."""
    async with page('{"status": "ok"}', "application/json") as url, ClientSession() as http:
        await ServerAtUrl(SETTINGS, url).check(http)


def servers(http: ClientSession, **how: Any) -> Servers:
    """The servers of a run."""
    return Servers(ServerTarget(**how), ProviderSettings(), http)


async def test_declared_capabilities() -> None:
    """What is declared is claimed, and nothing else is."""
    async with ClientSession() as http:
        declared = servers(http, capabilities=frozenset({"typing"}))
        assert await declared.claims("typing")
        with pytest.raises(NotApplicable, match=r"^The server does not claim polling\.$"):
            await declared.needs("polling")


async def test_capabilities_of_a_deployed_server() -> None:
    """What it was configured with tells of scope, issuer and audience."""
    async with ClientSession() as http:
        wide = ChatEngineSettings(
            secret=Secret("s"), instances=INSTANCES, message_scope="workspace", issuer="crm"
        )
        deployed = servers(http, url="http://x.invalid", deployed=wide)
        assert not await deployed.claims("message_scope")
        assert await deployed.claims("iss_aud")
        assert await deployed.claims("typing")
        plain = servers(http, url="http://x.invalid", deployed=SETTINGS)
        assert await plain.claims("message_scope")
        assert not await plain.claims("iss_aud")


async def test_a_server_without_polling() -> None:
    """A handshake that is refused says that there is no polling; one that fails does not."""
    claimed = {400: False, 500: True, 200: True}
    for status, polls in claimed.items():
        async with handshakes_answered(status) as url, ClientSession() as http:
            assert await servers(http, url=url, deployed=SETTINGS).claims("polling") is polls


@asynccontextmanager
async def handshakes_answered(status: int) -> AsyncIterator[str]:
    """A server that answers polling handshakes with that status."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status if "transport" in request.query else 200)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serving(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def test_one_process_for_each_configuration() -> None:
    """The same settings are the same server; what has ended is started again."""
    async with ClientSession() as http:
        pool = servers(http, command=(sys.executable, "-c", HEALTHY))
        try:
            usual, quick = await pool.usual(), await pool.quick()
            assert usual is await pool.usual()
            assert usual.url != quick.url
            assert isinstance(usual, ServerCommand)
            await usual.kill()
            assert await (await pool.usual()).problem(http) is None
        finally:
            await pool.close()
