"""What a test or a demonstration may ask of the fake provider, over its control interface."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from fakes.control import control_app, read_body, reply
from fakes.environment import is_http_url
from fakes.evolution.bodies import Contact, Content, Kind
from fakes.evolution.customers import Simulation
from fakes.evolution.ledger import Ledger
from fakes.evolution.orders import BadOrder, jid_of
from fakes.evolution.plans import Plan, Rule
from fakes.evolution.plays import Plays
from fakes.evolution.provider import ConnectionState, Provider
from fakes.evolution.replay import Recording, RecordingError

__all__ = ["controls_app"]

T = TypeVar("T")


class _Target(Struct, forbid_unknown_fields=True):
    url: str | None


class _Connection(Struct, forbid_unknown_fields=True):
    state: ConnectionState


class _Write(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    instance: str
    number: str
    name: str = ""
    kind: Kind = "text"
    text: str = ""
    url: str = ""
    mimetype: str = ""
    filename: str = ""
    size: int = 0
    quoted_id: str = ""
    times: Annotated[int, Meta(ge=1, le=10)] = 1


class _Replay(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    recording: str
    speed: Annotated[float, Meta(gt=0)] = 1.0
    fresh_ids: bool = False


def controls_app(provider: Provider) -> web.Application:
    """Return the control interface; `docs/fakes-evolution.md` lists its calls."""
    controls = _Controls(provider)
    app = control_app()
    app.add_routes(
        [
            web.get("/state", controls.state),
            web.put("/webhook", controls.set_webhook),
            web.put("/plan", controls.set_plan),
            web.get("/rules", controls.rules),
            web.post("/rules", controls.add_rule),
            web.delete("/rules", controls.clear_rules),
            web.delete(r"/rules/{id:\d{1,9}}", controls.clear_rules),
            web.get("/sends", controls.sends),
            web.delete("/sends", controls.clear_sends),
            web.get("/calls", controls.calls),
            web.delete("/calls", controls.clear_calls),
            web.put("/connections/{instance}", controls.set_connection),
            web.post("/write", controls.write),
            web.post("/plays/replay", controls.play_recording),
            web.post("/plays/customers", controls.play_customers),
            web.get("/plays", controls.plays),
            web.get(r"/plays/{id:\d{1,9}}", controls.play),
            web.delete(r"/plays/{id:\d{1,9}}", controls.end_play),
        ]
    )
    return app


class _Controls:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._plays = Plays(provider)

    async def state(self, request: web.Request) -> web.Response:
        provider = self._provider
        return reply(
            {
                "webhookUrl": provider.caller.url,
                "connections": provider.connections,
                "plan": provider.plans.default,
                "rules": len(provider.plans.rules),
                "sends": provider.sends.total,
                "refused": provider.refused,
                "calls": provider.caller.calls.total,
                "outcomes": provider.caller.outcomes,
                "running": provider.tasks.running,
                "dropped": provider.tasks.refused,
            }
        )

    async def set_webhook(self, request: web.Request) -> web.Response:
        target = await read_body(request, _Target)
        if target.url is not None and not is_http_url(target.url):
            raise web.HTTPBadRequest(text="url is not an http(s) URL")
        self._provider.caller.url = target.url
        return reply({})

    async def set_plan(self, request: web.Request) -> web.Response:
        self._provider.plans.default = await read_body(request, Plan)
        return reply({})

    async def rules(self, request: web.Request) -> web.Response:
        return reply(self._provider.plans.rules)

    async def add_rule(self, request: web.Request) -> web.Response:
        number = self._provider.plans.add(await read_body(request, Rule))
        return reply({"id": number}, HTTPStatus.CREATED)

    async def clear_rules(self, request: web.Request) -> web.Response:
        number = request.match_info.get("id")
        try:
            self._provider.plans.clear(None if number is None else int(number))
        except KeyError:
            raise web.HTTPNotFound(text="no such rule") from None
        return reply({})

    async def sends(self, request: web.Request) -> web.Response:
        instance, text = request.query.get("instance"), request.query.get("text")
        return _list(self._provider.sends, self._provider.sent(instance=instance, text=text))

    async def clear_sends(self, request: web.Request) -> web.Response:
        self._provider.sends.clear()
        self._provider.refused.clear()
        return reply({})

    async def calls(self, request: web.Request) -> web.Response:
        calls = self._provider.caller.calls
        return _list(calls, calls)

    async def clear_calls(self, request: web.Request) -> web.Response:
        self._provider.caller.calls.clear()
        return reply({})

    async def set_connection(self, request: web.Request) -> web.Response:
        connection = await read_body(request, _Connection)
        instance = request.match_info["instance"]
        if instance not in self._provider.accounts:
            raise web.HTTPNotFound(text="no such instance")
        return reply(await self._provider.change_connection(instance, connection.state))

    async def write(self, request: web.Request) -> web.Response:
        asked = await read_body(request, _Write)
        try:
            contact = Contact(jid_of(asked.number), asked.name)
        except BadOrder:
            raise web.HTTPBadRequest(text="number is neither digits nor a JID") from None
        given = msgspec.structs.asdict(asked)
        content = Content(**{name: given[name] for name in Content.__struct_fields__})
        key_id, call = await self._provider.customer_writes(
            asked.instance, contact, content, times=asked.times
        )
        return reply({"keyId": key_id, "call": call}, HTTPStatus.CREATED)

    async def play_recording(self, request: web.Request) -> web.Response:
        asked = await read_body(request, _Replay)
        try:
            recording = Recording.read(asked.recording)
        except RecordingError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        return _begun(
            self._plays.start_replay(recording, speed=asked.speed, fresh_ids=asked.fresh_ids)
        )

    async def play_customers(self, request: web.Request) -> web.Response:
        return _begun(self._plays.start_customers(await read_body(request, Simulation)))

    async def plays(self, request: web.Request) -> web.Response:
        return reply(self._plays.all())

    async def play(self, request: web.Request) -> web.Response:
        try:
            return reply(self._plays.get(int(request.match_info["id"])))
        except KeyError:
            raise web.HTTPNotFound(text="no such play") from None

    async def end_play(self, request: web.Request) -> web.Response:
        try:
            self._plays.end(int(request.match_info["id"]))
        except KeyError:
            raise web.HTTPNotFound(text="no such play") from None
        return reply({})


def _list(ledger: Ledger[T], records: Iterable[T]) -> web.Response:
    return reply({"total": ledger.total, "forgotten": ledger.forgotten, "records": list(records)})


def _begun(number: int | None) -> web.Response:
    if number is None:
        raise web.HTTPServiceUnavailable(text="too much is under way")
    return reply({"id": number}, HTTPStatus.CREATED)
