"""Python's official clients, unmodified: `supabase`, and `postgrest` beneath it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from postgrest import AsyncPostgrestClient, CountMethod
from postgrest.exceptions import APIError
from supabase import AsyncClient, acreate_client

from fakes.supabase.rest import RestFault
from tests.fakes.supabase.rest.rows import ROWS
from tests.fakes.supabase.rest.world import MINE, THEIRS, World, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# supabase 2.34 hands postgrest 2.34 parameters that this one no longer wants.
pytestmark = pytest.mark.filterwarnings("ignore:The '.*' parameter is deprecated")


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    world.database.insert("things", ROWS)
    client = await acreate_client(world.url, world.key)
    yield client
    await client.postgrest.aclose()


def column(response: Any, name: str) -> list[Any]:
    return [row[name] for row in response.data]


def ids(response: Any) -> list[int]:
    return column(response, "id")


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [
        (lambda q: q.eq("size", 3), [1, 4]),
        (lambda q: q.neq("size", 3), [3]),
        (lambda q: q.gt("size", 1), [1, 4]),
        (lambda q: q.gte("size", 1), [1, 3, 4]),
        (lambda q: q.lt("weight", 0), [2]),
        (lambda q: q.lte("weight", 1.5), [1, 2]),
        (lambda q: q.like("name", "%l%"), [1, 2]),
        (lambda q: q.like_all_of("name", "o%,%a"), [2]),
        (lambda q: q.like_any_of("name", "O%,o%"), [1, 2]),
        (lambda q: q.ilike("name", "o%"), [1, 2]),
        (lambda q: q.ilike_any_of("name", "OLA,x"), [2]),
        (lambda q: q.is_("name", "null"), [3]),
        (lambda q: q.is_("is_new", "true"), [1]),
        (lambda q: q.not_.is_("name", "null"), [1, 2, 4]),
        (lambda q: q.in_("name", ["100%, a_b", "ola"]), [2, 4]),
        (lambda q: q.contains("tags", ["a"]), [1]),
        (lambda q: q.contains("data", {"n": 7}), [4]),
        (lambda q: q.contained_by("tags", ["a", "b", "c"]), [1, 2]),
        (lambda q: q.overlaps("tags", ["b", "c"]), [1]),
        (lambda q: q.match({"size": 3, "id": 4}), [4]),
        (lambda q: q.or_('size.eq.1,and(name.eq."ola",is_new.is.false)'), [2, 3]),
        (lambda q: q.filter("data->>n", "eq", "7"), [4]),
        (lambda q: q.order("size", desc=True, nullsfirst=False).order("id"), [1, 4, 3, 2]),
        (lambda q: q.order("id").limit(2), [1, 2]),
        (lambda q: q.order("id").range(1, 2), [2, 3]),
        (lambda q: q.order("id").offset(3), [4]),
    ],
)
async def test_reading(
    client: AsyncClient, narrow: Callable[[Any], Any], expected: list[int]
) -> None:
    """Every filter, order and part of `supabase` is answered as Supabase would."""
    assert ids(await narrow(client.table("things").select("id")).execute()) == expected


async def test_counts_and_single_rows(client: AsyncClient) -> None:
    """Counts come with parts, with nothing but the head, and past the end as an error."""
    things = client.table("things")
    part = await things.select("id", count=CountMethod.exact).limit(1).execute()
    assert (part.data, part.count) == ([{"id": 1}], 4)
    head = await things.select("*", count=CountMethod.exact, head=True).execute()
    assert head.count == 4
    one = await things.select("id").eq("id", 1).single().execute()
    assert one.data == {"id": 1}
    maybe = await things.select("id").eq("id", 1).maybe_single().execute()
    assert maybe is not None
    assert maybe.data == {"id": 1}
    assert await things.select("id").eq("id", 9).maybe_single().execute() is None
    csv = await things.select("id,name").eq("id", 2).csv().execute()
    assert csv.data == "id,name\n2,ola\n"


async def test_errors(client: AsyncClient) -> None:
    """Errors arrive as `APIError` with PostgREST's four fields."""
    for query, code in (
        (client.table("things").select("id").eq("id", 9).single(), "PGRST116"),
        (client.table("thing").select("*"), "PGRST205"),
        (client.table("things").select("x"), "42703"),
        (client.table("things").select("id").eq("size", "a"), "22P02"),
        (client.table("things").select("id").filter("size", "noop", "1"), "PGRST100"),
        (client.table("things").insert({"x": 1}), "PGRST204"),
        (client.table("things").insert({"id": 1}), "23505"),
        (client.table("messages").insert(message(1, workspace_id=THEIRS)), "42501"),
    ):
        with pytest.raises(APIError) as caught:
            await query.execute()
        assert caught.value.code == code
        assert caught.value.message


async def test_writing(client: AsyncClient, world: World) -> None:
    """Inserts, upserts, updates and deletes change the rows, and return them."""
    things = client.table("things")
    rows: list[dict[str, Any]] = [{"id": 51, "name": "x"}, {"id": 52, "name": "y"}]
    assert ids(await things.insert(rows).execute()) == [51, 52]
    merged = await things.upsert({"id": 51, "size": 9}).execute()
    assert column(merged, "name") + column(merged, "size") == ["x", 9]
    ignored = await things.upsert({"id": 51}, ignore_duplicates=True).execute()
    assert ignored.data == []
    await things.upsert({"name": "y", "size": 7}, on_conflict="name").execute()
    changed = await things.update({"is_new": True}).gte("id", 51).execute()
    assert column(changed, "size") == [9, 7]
    gone = await things.delete(count=CountMethod.exact).gte("id", 51).execute()
    assert gone.count == 2
    assert len(world.database.rows("things")) == len(ROWS)


async def test_a_users_session(world: World) -> None:
    """`postgrest` alone, with a user's token, sees the rows of the token's workspace."""
    world.database.insert("messages", [message(1), message(2, workspace_id=THEIRS)])
    headers = {"apikey": world.key, "Authorization": f"Bearer {world.user_token()}"}
    async with AsyncPostgrestClient(f"{world.url}/rest/v1", headers=headers) as client:
        seen = await client.from_("messages").select("workspace_id").execute()
    assert seen.data == [{"workspace_id": MINE}]


async def test_a_read_is_tried_again(client: AsyncClient, world: World) -> None:
    """After a 503 the client reads once more, by itself."""
    world.faults.add(RestFault(status=503))
    assert len(ids(await client.table("things").select("id").execute())) == len(ROWS)
    assert world.faults.pending == ()
