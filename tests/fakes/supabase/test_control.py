"""The control interface: keys, rows, connections, faults and grants, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession

from fakes.control import ControlError
from fakes.environment import SettingsError
from fakes.supabase import SupabaseSettings
from fakes.supabase.faults import JoinRefused, SystemDelayed
from tests.fakes.supabase.world import SETTINGS, binding, message
from tests.processes import listening_port, program

if TYPE_CHECKING:
    from tests.fakes.supabase.world import World

SECRET = "a-secret-that-must-never-be-shown-to-anybody"
NEEDED = {
    "SUPABASE_JWT_SECRET": SECRET,
    "INSTANCES": '{"sales-1": {"workspaceId": "w-1", "whatsappNumberId": "n-1"}}',
}


async def test_keys(world: World) -> None:
    """A key for each workspace, each once, and the one that sees everything."""
    keys = await world.control.call("GET", "/keys")
    assert keys["anon"] == world.supabase.anon_keys
    assert list(keys["anon"]) == ["w-1", "w-2"]
    claims = world.supabase.keys.verify(keys["service"], now=0)
    assert claims.role == "service_role"


async def test_tokens(world: World) -> None:
    """A user's token is minted, for as long as a test wants it."""
    what = {"workspaceId": "w-1", "userId": "agent-1", "ttlSeconds": 60}
    minted = await world.control.call("POST", "/tokens", what)
    claims = world.supabase.keys.verify(minted["token"], now=minted["expiresAt"] - 1)
    assert (claims.role, claims.workspace_id, claims.subject) == ("authenticated", "w-1", "agent-1")
    phoenix = await world.connect(key=minted["token"])
    assert (await phoenix.join()).payload["status"] == "ok"


async def test_rows(world: World) -> None:
    """Rows are inserted, changed, shown and deleted, and subscribers hear of it."""
    phoenix, control = await world.connect(), world.control
    await phoenix.subscribe(binding("*"))
    (row,) = (await control.call("POST", "/rows/messages", {"rows": [message(body="a")]}))["rows"]
    change = {"match": {"id": row["id"]}, "values": {"body": "b"}}
    assert (await control.call("PATCH", "/rows/messages", change))["rows"][0]["body"] == "b"
    assert [each["body"] for each in await control.call("GET", "/rows/messages")] == ["b"]
    deleted = await control.call("DELETE", "/rows/messages", {"match": {"body": "b"}})
    assert len(deleted["rows"]) == 1
    kinds = [(await phoenix.change())["type"] for _ in range(3)]
    assert kinds == ["INSERT", "UPDATE", "DELETE"]


async def test_connections(world: World) -> None:
    """Sockets and channels are listed: whose they are, and what they asked for."""
    phoenix = await world.connect("1.0.0")
    await phoenix.subscribe(binding(), topic="realtime:messages-c-1")
    (socket,) = await world.control.call("GET", "/sockets")
    socket_id = socket.pop("socketId")
    assert socket == {
        "version": "1.0.0",
        "role": "anon",
        "workspaceId": "w-1",
        "topics": ["messages-c-1"],
    }
    (channel,) = await world.control.call("GET", "/channels")
    assert channel.pop("expiresAt") > 2_000_000_000
    assert channel == {
        "topic": "messages-c-1",
        "socketId": socket_id,
        "subscribed": True,
        "bindings": [binding()],
        "role": "anon",
    }


async def test_faults(world: World) -> None:
    """Faults are switched on, listed with what is left of them, and switched off."""
    refused = {"fault": "joinRefused", "reason": "Test: no", "count": 2, "topic": None}
    await world.control.call("POST", "/faults", refused)
    await world.control.call("POST", "/faults", {"fault": "systemDelayed", "ms": 5})
    assert list(world.faults) == [JoinRefused(reason="Test: no", count=2), SystemDelayed(ms=5)]
    await (await world.connect()).join()
    listed = await world.control.call("GET", "/faults")
    assert listed["faults"][0] == refused | {"count": 1}
    rest = await world.control.call("POST", "/faults/rest", {"status": 503})
    assert len(rest["rest"]) == 1
    assert await world.control.call("DELETE", "/faults") == {"faults": [], "rest": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/rows/nothing", None, 404),
        ("POST", "/rows/messages", {"rows": [{"nothing": 1}]}, 400),
        ("POST", "/rows/messages", {"rows": [{"id": "x"}]}, 400),
        ("POST", "/rows/messages", {"rows": 5}, 400),
        ("PATCH", "/rows/messages", {"match": {}}, 400),
        ("POST", "/faults", {"fault": "nothing"}, 400),
        ("POST", "/faults", {"fault": "joinDelayed"}, 400),
        ("POST", "/faults", {"fault": "joinDelayed", "ms": -1}, 400),
        ("POST", "/faults", {"fault": "joinRefused", "count": 0}, 400),
        ("POST", "/faults", {"fault": "heartbeatUnanswered", "topic": "a"}, 400),
        ("POST", "/sockets/drop", {"how": "gently"}, 400),
        ("POST", "/sockets/drop", {"how": "close", "code": 5}, 400),
        ("POST", "/channels/end", {"how": "gently"}, 400),
        ("PUT", "/grants", {"role": "anon"}, 400),
        ("POST", "/tokens", {"ttlSeconds": "long"}, 400),
        ("POST", "/tokens", {"ttlSeconds": 1e300}, 400),
    ],
)
async def test_what_is_refused(
    world: World, method: str, path: str, body: Any, status: int
) -> None:
    """Each with a sentence, and nothing has happened."""
    with pytest.raises(ControlError) as refused:
        await world.control.call(method, path, body)
    assert (refused.value.status, bool(refused.value.sentence)) == (status, True)
    assert not world.database.rows("messages")
    assert not list(world.faults)


def test_the_whole_environment() -> None:
    """Every variable is taken."""
    settings = SupabaseSettings.from_environment(
        NEEDED
        | {
            "HOST": "127.0.0.2",
            "PORT": "4005",
            "TABLES": '[{"name": "things", "columns": [{"name": "id", "type": "int8"}]}]',
            "FAULTS": '[{"fault": "systemDelayed", "ms": 3000}]',
            "SYSTEM_DELAY": "1",
            "FAILED_JOIN_DELAY": "2",
            "REFUSED_HANDSHAKE_DELAY": "3",
            "IDLE_TIMEOUT": "4",
            "POLL_INTERVAL": "5",
            "POLL_MAX_CHANGES": "6",
            "MAX_CHANNELS_PER_SOCKET": "7",
            "MAX_USERS": "8",
            "MAX_JOINS_PER_SECOND": "9",
            "MAX_EVENTS_PER_SECOND": "10",
            "MAX_FRAME": "11",
            "MAX_RECORD": "12",
        }
    )
    timing, limits = settings.timing, settings.limits
    assert (settings.host, settings.port, settings.secret) == ("127.0.0.2", 4005, SECRET)
    assert [each.name for each in settings.tables] == ["messages", "conversations", "things"]
    assert settings.faults == (SystemDelayed(ms=3000),)
    assert (timing.system_delay_ms, timing.failed_join_ms) == (1, 2)
    assert (timing.refused_handshake_ms, timing.idle_timeout_ms, timing.poll_ms) == (3, 4, 5)
    assert (limits.changes, limits.channels, limits.users, limits.joins) == (6, 7, 8, 9)
    assert (limits.events, limits.frame, limits.record) == (10, 11, 12)
    assert settings.workspaces == ("w-1",)
    assert SECRET not in repr(settings)


def table(**what: Any) -> str:
    columns = [{"name": "id"}]
    return json.dumps([{"name": "t", "columns": columns} | what])


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SUPABASE_JWT_SECRET": ""}, "SUPABASE_JWT_SECRET is not set"),
        ({"SUPABASE_JWT_SECRET": "x" * 31}, "SUPABASE_JWT_SECRET has less than 32 characters"),
        ({"TABLES": "{}"}, "TABLES is not the JSON of tables: Expected `array`, got `object`"),
        ({"TABLES": table(name="messages")}, "TABLES names a table that is there already"),
        ({"TABLES": table(primary_key=[])}, "TABLES is t has no primary key"),
        ({"TABLES": table(primary_key=["x"])}, "TABLES is t has no column x"),
        ({"TABLES": table(workspace_column="x")}, "TABLES is t has no column x"),
        (
            {"TABLES": table(columns=[{"name": "id", "type": "money"}])},
            "TABLES is t.id has an unknown type: money",
        ),
        (
            {"TABLES": table(columns=[{"name": "id"}, {"name": "id"}])},
            "TABLES is t has two columns of one name",
        ),
        (
            {"FAULTS": '[{"fault": "joinDelayed", "ms": -1}]'},
            "FAULTS is not the JSON of faults: ms is from 0 to 600000 - at `$[0]`",
        ),
        ({"SYSTEM_DELAY": "soon"}, "SYSTEM_DELAY is not a whole number from 0 to 3600000: soon"),
        ({"MAX_USERS": "0"}, "MAX_USERS is not a whole number from 1 to 2147483648: 0"),
    ],
)
def test_wrong_settings(variables: dict[str, str], sentence: str) -> None:
    """Each mistake is one sentence that names the variable."""
    with pytest.raises(SettingsError) as mistake:
        SupabaseSettings.from_environment(NEEDED | variables)
    assert str(mistake.value) == sentence


def test_without_a_secret_it_is_a_fresh_one() -> None:
    """Two projects then have nothing in common."""
    first, second = (SupabaseSettings(instances=SETTINGS.instances) for _ in range(2))
    assert first.secret != second.secret


async def test_a_process_of_its_own(tmp_path: Path) -> None:
    """It says where it listens, serves both interfaces, keeps its secrets, ends on SIGTERM."""
    token_file = tmp_path / "control.token"
    env = NEEDED | {"CONTROL_TOKEN_FILE": str(token_file), "PATH": os.environ.get("PATH", "")}
    async with program("fakes.supabase", env=env) as process, ClientSession() as session:
        port = await listening_port(process)
        key = "garbage"
        url = f"http://127.0.0.1:{port}"
        async with session.get(f"{url}/realtime/v1/websocket?apikey={key}") as response:
            assert response.status == 401
        async with session.get(f"{url}/rest/v1/messages") as response:
            assert response.status == 401
        process.send_signal(signal.SIGTERM)
        out, errors = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, out) == (0, b"")
    assert SECRET.encode() not in errors
    assert not token_file.exists()
