"""A watch from beginning to end: demo, client, metrics, then the screen or lines."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple

from aiohttp import web

from chatengine.client import ClientConfig, CrmClient
from fakes.serving import serving, signalled
from harness.exits import CouldNotRun
from harness.watch.demo import running_demo
from harness.watch.news import News
from harness.watch.screen import Display
from harness.watch.text import MOST_SENTENCE, one_line
from harness.watch.watcher import Watcher

__all__ = ["Plan", "run"]

_LOOPBACK: Final = "127.0.0.1"
_EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"


class Plan(NamedTuple):
    """The command's options."""

    url: str | None = None
    path: str = ""
    workspace: str | None = None
    user: str = "watch"
    number: str | None = None
    supabase_url: str | None = None
    opened: str | None = None
    seconds: float | None = None
    metrics_port: int | None = None
    demo: bool = False
    seed: int = 1
    plain: bool = False
    as_json: bool = False

    @property
    def on_screen(self) -> bool:
        """Whether there is a terminal to draw on, and nothing speaks against it."""
        if self.plain or self.as_json or os.environ.get("TERM") == "dumb":
            return False
        # Textual draws on stderr, so that stdout could be a pipe: then lines are what is wanted.
        return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


async def run(plan: Plan, config: ClientConfig | None) -> None:
    """Watch until the user leaves, `plan.seconds` are over, or a signal comes.

    `config` None: the demo's. Raises `CouldNotRun` where nothing ever served, `CouldNotListen`.
    """
    # What is logged is in the journal; on the screen it would stand in the middle of everything.
    logging.getLogger().addHandler(logging.NullHandler())
    async with AsyncExitStack() as stack:
        demo = await stack.enter_async_context(running_demo()) if config is None else None
        config = demo.config(plan.user) if demo is not None else config
        assert config is not None
        client = await stack.enter_async_context(CrmClient(config))
        watcher = Watcher(client, config)
        opened = plan.opened
        if demo is not None:
            opened = opened or demo.first_conversation(plan.seed)
            await stack.enter_async_context(_under_way(demo.play(plan.seed, watcher.note)))
        if plan.metrics_port is not None:
            await stack.enter_async_context(_metrics(watcher, plan.metrics_port))
        if opened is not None:
            watcher.open(opened)
        async with signalled() as stop, _under_way(_set_after(stop, plan.seconds)):
            await (_screen if plan.on_screen else _lines)(plan, watcher, opened, stop)
        if plan.seconds is not None and not watcher.was_served:
            why = one_line(client.connection.last_error or "no answer", MOST_SENTENCE)
            raise CouldNotRun(f"nothing served in {plan.seconds:g} s: {why}")


async def _screen(_: Plan, watcher: Watcher, opened: str | None, stop: asyncio.Event) -> None:
    screen = Display(watcher, opened)

    async def end() -> None:
        await stop.wait()
        screen.exit()

    async with _under_way(end()):
        await screen.run_async()
    if screen.return_code:
        raise CouldNotRun("the screen broke, as said above; --plain does without it")


async def _lines(plan: Plan, watcher: Watcher, opened: str | None, stop: asyncio.Event) -> None:
    news = News()

    def tell() -> None:
        for item in news.of(watcher.look(opened), opened):
            print(item.as_json() if plan.as_json else item.as_text(None))
        sys.stdout.flush()

    async def follow() -> None:
        while True:
            tell()
            await watcher.changed.wait()

    following = asyncio.ensure_future(follow())
    following.add_done_callback(lambda _: stop.set())
    try:
        async with _under_way(following):
            await stop.wait()
    except BrokenPipeError:
        # Nobody reads any more. Python would try to write the rest as it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _set_after(stop: asyncio.Event, seconds: float | None) -> None:
    if seconds is not None:
        await asyncio.sleep(seconds)
        stop.set()


@asynccontextmanager
async def _metrics(watcher: Watcher, port: int) -> AsyncIterator[None]:
    """Serve the client's metrics as Prometheus reads them, on loopback alone."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=watcher.exposition(), headers={"Content-Type": _EXPOSITION})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    async with serving(app, _LOOPBACK, port) as listens_on:
        watcher.note(f"Metrics are at http://{_LOOPBACK}:{listens_on}/metrics")
        yield


@asynccontextmanager
async def _under_way(work: Coroutine[Any, Any, None] | asyncio.Future[None]) -> AsyncIterator[None]:
    """Have work go on within the block; raises at its end what the work broke with."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
