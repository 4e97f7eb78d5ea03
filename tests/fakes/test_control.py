"""The control interface that every fake has: locked, loopback, and tidy."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, web
from msgspec import Struct

from fakes.control import (
    ControlClient,
    ControlDoor,
    ControlError,
    ControlSettings,
    control_app,
    control_server,
    read_body,
    reply,
)
from fakes.environment import Environment, Secret, SettingsError

if TYPE_CHECKING:
    from pathlib import Path


class Wish(Struct, forbid_unknown_fields=True):
    name: str


async def echo(request: web.Request) -> web.Response:
    return reply(await read_body(request, Wish), 201)


def an_app() -> web.Application:
    app = control_app()
    app.router.add_post("/echo", echo)
    return app


async def status(
    door: ControlDoor, headers: dict[str, str], path: str = "/echo"
) -> tuple[int, Any]:
    async with (
        ClientSession() as session,
        session.post(door.url + path, json={"name": "a"}, headers=headers) as response,
    ):
        return response.status, await response.json()


async def test_a_call_with_the_token_is_answered() -> None:
    """The client sends the token and returns the decoded answer."""
    async with control_server(an_app(), ControlSettings()) as door, ClientSession() as session:
        assert await ControlClient(session, door).call("POST", "/echo", Wish("b")) == {"name": "b"}


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer ", "Bearer wrong", "t0ken", "bearer t0ken", "Bearer é"]
)
@pytest.mark.parametrize("path", ["/echo", "/nowhere"])
async def test_without_the_token_every_path_is_401(authorization: str | None, path: str) -> None:
    """Nothing is told to who has no token, not even which paths there are."""
    headers = {} if authorization is None else {"Authorization": authorization}
    async with control_server(an_app(), ControlSettings(token=Secret("t0ken"))) as door:
        assert await status(door, headers, path) == (401, {"error": "no control token"})
        assert (await status(door, {"Authorization": "Bearer t0ken"}))[0] == 201


@pytest.mark.parametrize("body", [None, [], {"name": 1}, {"name": "a", "nome": "b"}])
async def test_a_body_of_another_shape_is_400(body: object) -> None:
    """The sentence says what was expected."""
    async with control_server(an_app(), ControlSettings()) as door, ClientSession() as session:
        with pytest.raises(ControlError, match=r"400: .*(field|Expected)"):
            await ControlClient(session, door).call("POST", "/echo", body)


async def test_the_token_is_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0600 even where a wider file was there before; gone when the fake has ended."""
    path = tmp_path / "token"
    path.touch(mode=0o644)
    async with control_server(an_app(), ControlSettings(token_file=path)) as door:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text() == str(door.token)
        assert len(door.token) >= 43  # 256 bits
    assert not path.exists()


async def test_a_token_file_that_cannot_be_made_is_a_settings_error(tmp_path: Path) -> None:
    """A missing folder and a folder in its place are told in a sentence."""
    for path, reason in ((tmp_path / "no" / "token", "No such file"), (tmp_path, "directory")):
        with pytest.raises(
            SettingsError, match=f"the token file {path} cannot be made: .*{reason}"
        ):
            async with control_server(an_app(), ControlSettings(token_file=path)):
                pytest.fail("it was served")


async def test_each_start_has_its_own_token_and_file() -> None:
    """Two fakes at once share neither token nor file."""
    async with (
        control_server(an_app(), ControlSettings()) as one,
        control_server(an_app(), ControlSettings()) as other,
    ):
        assert one.token != other.token
        assert one.token_file != other.token_file
        assert stat.S_IMODE(one.token_file.stat().st_mode) == 0o600
        assert str(one.token) not in repr(one)
    assert not one.token_file.exists()


def test_the_settings_come_from_the_environment(tmp_path: Path) -> None:
    """Port, token and file, each optional."""
    path = tmp_path / "token"
    given = {
        "CONTROL_PORT": "4009", "CONTROL_TOKEN": "t", "CONTROL_TOKEN_FILE": str(path)
    }  # fmt: skip
    assert ControlSettings.read(Environment(given)) == ControlSettings(4009, Secret("t"), path)
    assert ControlSettings.read(Environment({})) == ControlSettings()
