"""The control interface of a fault proxy: its Python API over HTTP (docs/proxy.md)."""

from aiohttp import web
from msgspec import Struct

from fakes.control import control_app, read_body, reply
from fakes.network.proxy import RunningProxy
from fakes.network.schedule import Directions, Fault, Milliseconds, Schedule, ScheduleError

__all__ = ["control_of"]


class _Body(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A call's body; a field too many is 400."""


class _Strike(_Body, frozen=True):
    """A fault that happens now, to these connections or to all that are open."""

    fault: Fault
    connections: tuple[int, ...] | None = None


class _HalfOpen(_Body, frozen=True):
    direction: Directions = "both"
    new: bool = False


class _Hold(_Body, frozen=True):
    direction: Directions = "both"
    ms: Milliseconds | None = None


class _Release(_Body, frozen=True):
    direction: Directions = "both"


class _Nothing(_Body, frozen=True):
    pass


def control_of(proxy: RunningProxy) -> web.Application:
    """Return the control application; `fakes.control.control_server` locks and serves it."""
    app = control_app()
    _add_views(app, proxy)
    _add_schedule(app, proxy)
    _add_commands(app, proxy)
    return app


def _add_views(app: web.Application, proxy: RunningProxy) -> None:
    async def stats(_: web.Request) -> web.Response:
        return reply(proxy.stats)

    async def connections(_: web.Request) -> web.Response:
        return reply(proxy.connections)

    async def log(_: web.Request) -> web.Response:
        return reply(proxy.log)

    async def replay(_: web.Request) -> web.Response:
        return reply(proxy.replay())

    app.router.add_get("/stats", stats)
    app.router.add_get("/connections", connections)
    app.router.add_get("/log", log)
    app.router.add_get("/replay", replay)


def _add_schedule(app: web.Application, proxy: RunningProxy) -> None:
    async def show(_: web.Request) -> web.Response:
        return reply(proxy.schedule)

    async def apply(request: web.Request) -> web.Response:
        proxy.apply(await read_body(request, Schedule))
        return reply(proxy.schedule)

    async def clear(_: web.Request) -> web.Response:
        return _struck(proxy.clear())

    app.router.add_get("/schedule", show)
    app.router.add_post("/schedule", apply)
    app.router.add_delete("/schedule", clear)


def _add_commands(app: web.Application, proxy: RunningProxy) -> None:
    async def strike(request: web.Request) -> web.Response:
        given = await read_body(request, _Strike)
        try:
            return _struck(proxy.strike(given.fault, given.connections))
        except ScheduleError as error:
            raise web.HTTPBadRequest(text=str(error)) from None

    async def half_open(request: web.Request) -> web.Response:
        given = await read_body(request, _HalfOpen)
        return _struck(proxy.half_open(given.direction, new=given.new))

    async def hold(request: web.Request) -> web.Response:
        given = await read_body(request, _Hold)
        return _struck(proxy.hold(given.direction, given.ms))

    async def release(request: web.Request) -> web.Response:
        return _struck(proxy.release((await read_body(request, _Release)).direction))

    async def refuse(request: web.Request) -> web.Response:
        await read_body(request, _Nothing)
        proxy.refuse()
        return _struck(0)

    async def heal(request: web.Request) -> web.Response:
        await read_body(request, _Nothing)
        return _struck(proxy.heal())

    app.router.add_post("/strike", strike)
    app.router.add_post("/half-open", half_open)
    app.router.add_post("/hold", hold)
    app.router.add_post("/release", release)
    app.router.add_post("/refuse", refuse)
    app.router.add_post("/heal", heal)


def _struck(connections: int) -> web.Response:
    return reply({"connections": connections})
