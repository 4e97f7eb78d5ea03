"""Changes: their shape, the filters, who sees them, and what limits them."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from fakes.supabase import Limits, Timing
from fakes.supabase.faults import ChangeDropped, ChangeTooLarge
from fakes.supabase.realtime.feed import IDLE_FACTOR
from fakes.supabase.schema import CONTRACT, Column, Table
from tests.fakes.supabase.world import SETTINGS, binding, message, running
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.supabase.world import Phoenix, World

THINGS = Table(
    "things",
    (
        Column("id", "int8", nullable=False, generated="serial"),
        Column("name"),
        Column("size", "int4"),
        Column("is_new", "bool"),
        Column("made_at", "timestamptz"),
        Column("tags", "_text"),
        Column("data", "jsonb"),
    ),
)
SECRETS = Table("secrets", (Column("id", "int8", generated="serial"),), published=False)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """With a table of every type, and one that Realtime knows nothing of."""
    async with running(replace(SETTINGS, tables=(*CONTRACT, THINGS, SECRETS))) as world:
        yield world


VERSIONS = pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])


@VERSIONS
async def test_the_shape_of_an_insert(world: World, version: str) -> None:
    """The columns with Postgres' type names, the record, no old record, the moment, no errors."""
    phoenix = await world.connect(version)
    reply = await phoenix.join(binding("*", "things"))
    await phoenix.expect("system")
    world.insert(
        {"name": "a", "tags": ["x"], "data": {"k": 1}, "made_at": "2026-11-22T03:47:23.62-03:00"},
        table="things",
    )
    got = await phoenix.expect("postgres_changes")
    assert (got.ref, got.join_ref) == (None, None)
    assert got.payload["ids"] == [reply.payload["response"]["postgres_changes"][0]["id"]]
    data = got.payload["data"]
    moment = data.pop("commit_timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
    assert data == {
        "schema": "public",
        "table": "things",
        "type": "INSERT",
        "columns": [
            {"name": "id", "type": "int8"},
            {"name": "name", "type": "text"},
            {"name": "size", "type": "int4"},
            {"name": "is_new", "type": "bool"},
            {"name": "made_at", "type": "timestamptz"},
            {"name": "tags", "type": "_text"},
            {"name": "data", "type": "jsonb"},
        ],
        "record": {
            "id": 1,
            "name": "a",
            "size": None,
            "is_new": None,
            "made_at": "2026-11-22T06:47:23.62+00:00",
            "tags": ["x"],
            "data": {"k": 1},
        },
        "errors": None,
    }


async def test_the_shape_of_an_update_and_a_delete(world: World) -> None:
    """The old record is the primary key alone; a deleted row has no record."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding("*", "things"))
    (row,) = world.insert({"name": "a"}, table="things")
    world.update(row, "things", name="b")
    world.database.delete("things", lambda each: True)
    inserted, updated, deleted = [await phoenix.change() for _ in range(3)]
    assert [each["type"] for each in (inserted, updated, deleted)] == ["INSERT", "UPDATE", "DELETE"]
    assert (updated["record"]["name"], updated["old_record"]) == ("b", {"id": 1})
    assert deleted["old_record"] == {"id": 1}
    assert "record" not in deleted
    assert len(deleted["columns"]) == len(THINGS.columns)


async def test_each_binding_gets_its_own_kind(world: World) -> None:
    """A change names the ids of all bindings of the channel that want it, in one frame."""
    phoenix = await world.connect()
    wanted = [binding("INSERT"), binding("update"), binding("*", filter="body=eq.a")]
    reply = await phoenix.join(*wanted)
    insert, update, every = [each["id"] for each in reply.payload["response"]["postgres_changes"]]
    await phoenix.expect("system")
    (row,) = world.insert(message(body="a"))
    world.update(row, body="b")
    first, second = [await phoenix.expect("postgres_changes") for _ in range(2)]
    assert sorted(first.payload["ids"]) == sorted([insert, every])
    assert second.payload["ids"] == [update]


async def test_an_update_filter_tests_the_new_row(world: World) -> None:
    """A row that leaves the filter is silent; one that enters it is not."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding("UPDATE", filter="status=eq.sent"))
    (row,) = world.insert(message(status="sent", body="a"))
    world.update(row, status="read")
    world.update(row, body="b")
    world.update(row, status="sent")
    assert (await phoenix.change())["record"]["body"] == "b"


async def test_a_delete_is_filtered_by_its_key_alone(world: World) -> None:
    """Of a deleted row Postgres logs the key: a filter on anything else never matches."""
    phoenix = await world.connect()
    first, second = world.insert(message(), message())
    await phoenix.subscribe(
        binding("DELETE", filter="conversation_id=eq.c-1"),
        binding("DELETE", filter=f"id=eq.{second['id']}"),
    )
    world.database.delete("messages", lambda row: row["id"] == first["id"])
    world.database.delete("messages", lambda row: row["id"] == second["id"])
    assert (await phoenix.change())["old_record"] == {"id": second["id"]}


ROWS: list[dict[str, Any]] = [
    {"name": "Ana", "size": 1, "is_new": True, "made_at": "2026-01-01T00:00:00Z"},
    {"name": "Bia, Lia", "size": 10, "is_new": False, "made_at": "2026-01-01T00:00:00.5Z"},
    {"name": None, "size": None, "is_new": None, "made_at": None},
]


@pytest.mark.parametrize(
    ("condition", "sizes"),
    [
        ("size=eq.1", [1]),
        ("size=neq.1", [10]),
        ("size=lt.10", [1]),
        ("size=lte.10", [1, 10]),
        ("size=gt.1", [10]),
        ("size=gte.1", [1, 10]),
        ("size=in.(1, 10)", [1, 10]),
        ("size=not.in.(1,5)", [10]),
        ('name=in.(x,"Bia, Lia")', [10]),
        ('name=eq."Bia, Lia",size=eq.10', [10]),
        ("name=like.A%", [1]),
        ("name=like.a%", []),
        ("name=ilike.a_A", [1]),
        ("name=not.like.A%", [10]),
        ("name=match.^B.*a$", [10]),
        ("name=imatch.^b", [10]),
        ("name=is.null", [None]),
        ("name=not.is.null", [1, 10]),
        ("is_new=is.true", [1]),
        ("is_new=is.unknown", [None]),
        ("is_new=eq.false", [10]),
        ("size=isdistinct.1", [10, None]),
        ("size=not.isdistinct.1", [1]),
        ("made_at=gt.2026-01-01T00:00:00Z", [10]),
        ("made_at=gte.2025-12-31T21:00:00-03:00", [1, 10]),
        ("size=gt.0,size=lt.10", [1]),
        (" size=eq.1 , name=eq.Ana ", [1]),
        ("  ", [1, 10, None]),
    ],
)
async def test_filters(world: World, condition: str, sizes: list[int | None]) -> None:
    """Every operator, `not.` and the comma; an unknown comparison passes nothing."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding("INSERT", "things", condition), binding("UPDATE", "things"))
    rows = world.insert(*ROWS, table="things")
    world.update(rows[0], "things", name="the end")
    got = []
    while (change := await phoenix.change())["type"] == "INSERT":
        got.append(change["record"]["size"])
    assert got == sizes


UNABLE = "Unable to subscribe to changes with given parameters."
RAISED = f"{UNABLE} An exception happened so please check your connect parameters:"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            binding(table="nowhere"),
            f"{UNABLE} Please check Realtime is enabled for the given connect parameters: "
            "[event: INSERT, schema: public, table: nowhere, filters: [], select: nil]",
        ),
        (
            binding(table="secrets"),
            f"{UNABLE} Please check Realtime is enabled for the given connect parameters: "
            "[event: INSERT, schema: public, table: secrets, filters: [], select: nil]",
        ),
        (
            binding(filter="nothing=eq.1"),
            f"{RAISED} [event: INSERT, schema: public, table: messages, "
            'filters: [{"nothing", "eq", "1", false}], select: nil]. '
            "Exception: ERROR P0001 (raise_exception) invalid column for filter nothing",
        ),
        (
            binding(filter="id=not.eq.7"),
            f"{RAISED} [event: INSERT, schema: public, table: messages, "
            'filters: [{"id", "eq", "7", true}], select: nil]. Exception: ERROR 22P02 '
            '(invalid_text_representation) invalid input syntax for type uuid: "7"',
        ),
        (
            binding(filter="created_at=gt.yesterday"),
            f"{RAISED} [event: INSERT, schema: public, table: messages, "
            'filters: [{"created_at", "gt", "yesterday", false}], select: nil]. Exception: '
            "ERROR 22007 (invalid_datetime_format) invalid input syntax for type timestamp with "
            'time zone: "yesterday"',
        ),
        (
            binding(filter="id=like.a%"),
            f"{RAISED} [event: INSERT, schema: public, table: messages, "
            'filters: [{"id", "like", "a%", false}], select: nil]. Exception: ERROR P0001 '
            "(raise_exception) operator like requires a text-compatible column type, got uuid",
        ),
        (
            binding(filter="body=is.true"),
            f"{RAISED} [event: INSERT, schema: public, table: messages, "
            'filters: [{"body", "is", "true", false}], select: nil]. Exception: ERROR P0001 '
            "(raise_exception) is true filter requires a boolean column, got text",
        ),
        (binding(filter="body=foo.x"), 'Error parsing `filter` params: ["foo", "x"]'),
        (binding(filter="undefined"), 'Error parsing `filter` params: ["undefined"]'),
        (
            binding(filter="body=in.a,b"),
            "Error parsing `filter` params: `in` filter value must be wrapped by parentheses",
        ),
        (
            binding(filter="body=eq.a,"),
            "Error parsing `filter` params: filter must not contain empty segments "
            "(check for extra commas)",
        ),
        (
            {"event": "*"},
            "No subscription params provided. Please provide at least a `schema` or `table` to "
            'subscribe to: %{"event": "*"}',
        ),
    ],
)
async def test_what_cannot_be_subscribed_to(
    world: World, wanted: dict[str, Any], said: str
) -> None:
    """`system` says why; the channel stays joined, and deaf for all of its bindings."""
    phoenix = await world.connect()
    assert (await phoenix.join(binding("UPDATE"), wanted)).payload["status"] == "ok"
    system = await phoenix.expect("system")
    assert system.payload == {
        "extension": "postgres_changes",
        "status": "error",
        "message": said,
        "channel": "room",
    }
    (channel,) = await world.control.call("GET", "/channels")
    assert (channel["topic"], channel["subscribed"]) == ("room", False)


async def test_at_most_a_hundred_values(world: World) -> None:
    """`in` takes 100 values, not one more."""
    phoenix = await world.connect()
    for count, status in ((100, "ok"), (101, "error")):
        values = ",".join(map(str, range(count)))
        await phoenix.join(binding(table="things", filter=f"size=in.({values})"))
        if count > 100:
            await phoenix.expect("phx_close")
        system = await phoenix.expect("system")
        assert system.payload["status"] == status
    assert system.payload["message"].endswith("too many values for `in` filter. Maximum 100")


async def test_all_tables(world: World) -> None:
    """`*` and a schema alone stand for every published table."""
    phoenix = await world.connect()
    await phoenix.subscribe({"event": "*", "schema": "public"}, binding("*", "*"))
    world.insert({"name": "a"}, table="things")
    world.insert({}, table="secrets")
    world.insert(message())
    assert [(await phoenix.change())["table"] for _ in range(2)] == ["things", "messages"]


async def test_selected_columns(world: World) -> None:
    """A binding may ask for some columns; the primary key comes with them."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding("INSERT", "things", select=["name"]))
    world.insert({"name": "a", "size": 5}, table="things")
    data = await phoenix.change()
    assert data["record"] == {"id": 1, "name": "a"}
    assert [each["name"] for each in data["columns"]] == ["id", "name"]


async def test_rows_of_other_workspaces(world: World) -> None:
    """Row-level security: an API key sees the rows of its workspace, the service key all."""
    mine = await world.connect()
    service = await world.connect(key=world.supabase.service_key)
    nobody = await world.connect(key=world.token("anon", workspace_id=None))
    for phoenix in (mine, service, nobody):
        await phoenix.subscribe(binding(), binding("INSERT", "things"))
    world.insert(message(workspace_id="w-2", body="theirs"), message(body="mine"))
    world.insert({"name": "everybody's"}, table="things")
    assert (await mine.change())["record"]["body"] == "mine"
    assert [(await service.change())["record"]["body"] for _ in range(2)] == ["theirs", "mine"]
    assert (await nobody.change())["record"]["name"] == "everybody's"


async def test_no_right_to_read(world: World) -> None:
    """A role without a right to the table gets an empty record and error 401."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding())
    await world.control.call(
        "PUT", "/grants", {"role": "anon", "table": "messages", "granted": False}
    )
    world.insert(message(body="secret"))
    assert await phoenix.change() == {
        "schema": "public",
        "table": "messages",
        "type": "INSERT",
        "columns": [],
        "commit_timestamp": None,
        "record": {},
        "errors": ["Error 401: Unauthorized"],
    }
    await world.control.call(
        "PUT", "/grants", {"role": "anon", "table": "messages", "granted": True}
    )
    world.insert(message(body="open"))
    assert (await phoenix.change())["record"]["body"] == "open"


async def test_too_large(world: World) -> None:
    """Over 1 MiB the large fields and the nulls are missing, and `errors` says so."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding("INSERT", "things"))
    world.insert({"name": "x" * 1024 * 1024, "size": 5, "is_new": False}, table="things")
    data = await phoenix.change()
    assert data["errors"] == ["Error 413: Payload Too Large"]
    assert data["record"] == {"id": 1, "size": 5, "is_new": False}
    assert len(data["columns"]) == len(THINGS.columns)


async def test_too_large_for_a_test(world: World) -> None:
    """A change comes as if it were too large, as often as a test says."""
    world.faults.add(ChangeTooLarge(topic="room", count=1))
    phoenix = await world.connect()
    await phoenix.subscribe(binding())
    world.insert(message(body="a" * 65), message(body="b" * 65))
    first, second = [await phoenix.change() for _ in range(2)]
    assert first["errors"] == ["Error 413: Payload Too Large"]
    assert "body" not in first["record"]
    assert second["record"]["body"] == "b" * 65


async def test_dropped_for_a_test(world: World) -> None:
    """A change does not come, and nobody says so."""
    world.faults.add(ChangeDropped(count=1))
    phoenix = await world.connect()
    await phoenix.subscribe(binding())
    world.insert(message(body="dropped"), message(body="kept"))
    assert (await phoenix.change())["record"]["body"] == "kept"


async def test_the_order_is_that_of_the_commits(world: World) -> None:
    """Whatever is committed arrives in that order, poll after poll."""
    phoenix = await world.connect()
    await phoenix.subscribe(binding())
    for number in range(90):
        world.insert(message(body=str(number)))
    got = [(await phoenix.change())["record"]["body"] for _ in range(90)]
    assert got == list(map(str, range(90)))


async def test_too_many_events() -> None:
    """Beyond the limit of a second, changes are dropped without a word."""
    async with running(replace(SETTINGS, limits=Limits(events=5))) as world:
        phoenix = await world.connect()
        await phoenix.subscribe(binding())
        world.insert(*(message(body=str(number)) for number in range(8)))
        assert [(await phoenix.change())["record"]["body"] for _ in range(5)] == list("01234")

        later = asyncio.create_task(phoenix.change())
        await until(lambda: world.insert(message(body="later")) and later.done())
        assert (await later)["record"]["body"] == "later"
    assert Limits().events == 100


async def test_a_poll_takes_so_many_changes() -> None:
    """A burst comes in portions, one for each poll."""
    timing = replace(SETTINGS.timing, poll_ms=50)
    settings = replace(SETTINGS, timing=timing, limits=Limits(changes=2))
    async with running(settings) as world:
        phoenix = await world.connect()
        await phoenix.subscribe(binding())
        world.insert(*(message(body=str(number)) for number in range(6)))
        assert (await phoenix.change())["record"]["body"] == "0"
        began = time.monotonic()
        assert [(await phoenix.change())["record"]["body"] for _ in range(5)] == list("12345")
        assert time.monotonic() - began >= 0.08  # two more polls
    assert Limits().changes == 100


async def test_polls_take_turns_with_the_clock() -> None:
    """What is committed right after a poll waits for the next one."""
    timing = replace(SETTINGS.timing, poll_ms=60)
    async with running(replace(SETTINGS, timing=timing)) as world:
        phoenix = await world.connect()
        await phoenix.subscribe(binding())
        world.insert(message())
        await phoenix.change()
        began = time.monotonic()
        world.insert(message())
        await phoenix.change()
        assert time.monotonic() - began >= 0.04
    assert (Timing().poll_ms, IDLE_FACTOR) == (100, 5)


async def test_one_socket_that_does_not_read_holds_nobody_up(world: World) -> None:
    """What waits for it waits in its own line."""
    deaf, phoenix = await world.connect(), await world.connect()
    await deaf.subscribe(binding())
    await phoenix.subscribe(binding())
    for number in range(40):
        world.insert(message(body=f"{number} " + "x" * 200_000))
        assert (await _next_number(phoenix)) == number


async def _next_number(phoenix: Phoenix) -> int:
    body: str = (await phoenix.change())["record"]["body"]
    return int(body.split()[0])
