"""Writing rows over HTTP: what changes, what comes back, and what is refused as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.supabase.rest.world import THEIRS, World, message

if TYPE_CHECKING:
    from fakes.supabase.database import Change

OBJECT = "application/vnd.pgrst.object+json"
BACK = "return=representation"


@pytest.fixture
def things(world: World) -> World:
    world.database.insert("things", [{"id": 10, "name": "a", "size": 1}, {"id": 20, "name": "b"}])
    return world


def names(world: World) -> dict[int, str | None]:
    return {row["id"]: row["name"] for row in world.database.rows("things")}


@pytest.mark.parametrize(
    ("prefer", "body"),
    [("", b""), ("return=minimal", b""), (BACK, b'[{"id":1,"name":"x","size":null}]')],
)
async def test_a_row_is_inserted(world: World, prefer: str, body: bytes) -> None:
    """An insert is 201; the row, its defaults filled in, comes back where it is wanted."""
    reply = await world.call("POST", "things?select=id,name,size", {"name": "x"}, Prefer=prefer)
    assert (reply.status, reply.range, reply.body) == (201, "*/*", body)
    assert reply.headers.get("Preference-Applied", "") == prefer
    assert names(world) == {1: "x"}


async def test_a_new_row_tells_where_it_is(world: World) -> None:
    """With `return=headers-only`, `Location` names the one new row by its primary key."""
    reply = await world.call("POST", "things", {"name": "x"}, Prefer="return=headers-only")
    assert reply.headers["Location"] == "/things?id=eq.1"
    reply = await world.call("POST", "things", [{}, {}], Prefer="return=headers-only")
    assert "Location" not in reply.headers


async def test_many_rows_are_inserted_and_counted(world: World) -> None:
    """A list of rows is inserted in its order, and counted where that is wanted."""
    rows = [{"name": "x"}, {"name": "y"}]
    reply = await world.call("POST", "things", rows, Prefer=f"count=exact,{BACK}")
    assert (reply.status, reply.range) == (201, "*/2")
    assert [row["name"] for row in reply.rows] == ["x", "y"]


@pytest.mark.parametrize(("prefer", "expected"), [("", [3, None]), ("missing=default", [3, 0])])
async def test_columns_say_what_of_a_row_counts(
    world: World, prefer: str, expected: list[int | None]
) -> None:
    """With `columns`, other keys are passed over; a missing one is NULL or its default."""
    conversations = [
        {"id": f"c-{n}", "workspace_id": "w-1", "nope": 1} | more
        for n, more in enumerate(({"contact_id": "p", "whatsapp_number_id": "n"}, {}))
    ]
    path = 'conversations?columns="id","workspace_id","contact_id"&order=id'
    reply = await world.call("POST", path, conversations, Prefer=f"{BACK},{prefer}")
    assert [row["contact_id"] for row in reply.rows] == ["p", None]
    assert reply.rows[0]["whatsapp_number_id"] is None
    messages = [message(1, type="image"), message(2)]
    path = "messages?select=type&columns=workspace_id,conversation_id,type"
    reply = await world.call("POST", path, messages, Prefer=f"{BACK},{prefer}")
    if prefer:
        assert [row["type"] for row in reply.rows] == ["image", "text"]
    else:
        assert (reply.status, reply.rows["code"]) == (400, "23502")


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("text/csv", 'id,name,size\n5,"x,y",1\n6,NULL,NULL\n', {5: "x,y", 6: None}),
        ("application/x-www-form-urlencoded", "id=5&name=x+y", {5: "x y"}),
        ("application/json; charset=utf-8", '{"id":5,"name":"x"}', {5: "x"}),
        ("application/json", "[]", {}),
        ("application/json", "7", {}),
    ],
)
async def test_kinds_of_bodies(
    world: World, content_type: str, body: str, expected: dict[int, str | None]
) -> None:
    """Rows come as JSON, as CSV, or one of them as a form; JSON that is no row is none."""
    headers = {"apikey": world.key, "Content-Type": content_type}
    async with world.session.post(
        f"{world.url}/rest/v1/things", data=body, headers=headers
    ) as response:
        assert response.status == 201, await response.text()
    assert names(world) == expected


@pytest.mark.parametrize(
    ("content_type", "body", "sentence"),
    [
        ("application/json", b"", "Empty or invalid json"),
        ("application/json", b"{", "Empty or invalid json"),
        ("application/json", b"\xff", "Empty or invalid json"),
        ("application/json", b"[" * 100_000, "Empty or invalid json"),
        ("application/json", b'[{"id":1},{"name":"a"}]', "All object keys must match"),
        ("application/json", b"[1]", "All object keys must match"),
        ("text/csv", b"id,name\n1", "All lines must have same number of fields"),
        ("text/csv", b"", "not enough input"),
        ("application/x-www-form-urlencoded", b"&a=b" * 2000, "too many fields"),
        ("text/plain", b"x", "Content-Type not acceptable: text/plain"),
    ],
)
async def test_a_body_that_is_no_rows_is_refused(
    world: World, content_type: str, body: bytes, sentence: str
) -> None:
    """A body that cannot be read as rows is 400 PGRST102."""
    headers = {"apikey": world.key, "Content-Type": content_type}
    async with world.session.post(
        f"{world.url}/rest/v1/things", data=body, headers=headers
    ) as response:
        answer = await response.json()
    assert (response.status, answer["code"], answer["message"]) == (400, "PGRST102", sentence)


@pytest.mark.parametrize(
    ("row", "status", "code", "message_"),
    [
        (
            {"x": 1},
            400,
            "PGRST204",
            "Could not find the 'x' column of 'things' in the schema cache",
        ),
        ({"size": "a"}, 400, "22P02", 'invalid input syntax for type integer: "a"'),
        ({"size": {}}, 400, "22P02", 'invalid input syntax for type integer: "{}"'),
        (
            {"id": 10},
            409,
            "23505",
            'duplicate key value violates unique constraint "things_pkey"',
        ),
        (
            {"id": None},
            400,
            "23502",
            'null value in column "id" of relation "things" violates not-null constraint',
        ),
    ],
)
async def test_a_row_that_cannot_be_is_refused(
    things: World, row: dict[str, Any], status: int, code: str, message_: str
) -> None:
    """What the table does not take is refused, in PostgREST's words or Postgres'."""
    reply = await things.call("POST", "things", [{"id": 30} | row, {"id": 31} | row][:1])
    assert (reply.status, reply.rows["code"], reply.rows["message"]) == (status, code, message_)
    assert names(things) == {10: "a", 20: "b"}


async def test_a_duplicate_says_which_key_it_is(things: World) -> None:
    """The details of 23505 name the key, and nothing of the statement is done."""
    reply = await things.call("POST", "things", [{"id": 30}, {"id": 10}])
    assert reply.rows["details"] == "Key (id)=(10) already exists."
    assert names(things) == {10: "a", 20: "b"}


async def test_an_upsert_merges(things: World) -> None:
    """With `merge-duplicates` a known row gets the new one's values and keeps its others."""
    rows = [{"id": 10, "name": "A"}, {"id": 30, "name": "c"}]
    prefer = f"resolution=merge-duplicates,{BACK}"
    reply = await things.call("POST", "things?select=id,name,size", rows, Prefer=prefer)
    assert (reply.status, reply.headers["Preference-Applied"]) == (201, prefer.replace(",", ", "))
    assert reply.rows == [
        {"id": 10, "name": "A", "size": 1},
        {"id": 30, "name": "c", "size": None},
    ]
    again = await things.call("POST", "things", rows, Prefer="resolution=merge-duplicates")
    assert again.status == 200


async def test_an_upsert_ignores(things: World) -> None:
    """With `ignore-duplicates` a known row stays as it is, and does not come back."""
    rows = [{"id": 10, "name": "A"}, {"id": 30, "name": "c"}]
    prefer = f"resolution=ignore-duplicates,{BACK}"
    reply = await things.call("POST", "things?select=id", rows, Prefer=prefer)
    assert (reply.status, reply.rows) == (201, [{"id": 30}])
    assert names(things) == {10: "a", 20: "b", 30: "c"}


async def test_an_upsert_on_other_columns(things: World) -> None:
    """`on_conflict` says by which columns a row is known, if there are such columns."""
    prefer = "resolution=merge-duplicates"
    rows = [{"name": "a", "size": 9}]
    await things.call("POST", "things?on_conflict=name", rows, Prefer=prefer)
    assert things.database.get("things", 10) == things.database.rows("things")[0]
    assert things.database.rows("things")[0]["size"] == 9
    reply = await things.call("POST", "things?on_conflict=x", rows, Prefer=prefer)
    assert (reply.status, reply.rows["code"]) == (400, "42703")


async def test_a_row_twice_in_one_upsert_is_refused(things: World) -> None:
    """An upsert cannot merge the same row twice."""
    rows = [{"id": 40, "name": "x"}, {"id": 40, "name": "y"}]
    reply = await things.call("POST", "things", rows, Prefer="resolution=merge-duplicates")
    assert (reply.status, reply.rows["code"]) == (500, "21000")
    assert 40 not in names(things)


@pytest.mark.parametrize(
    ("prefer", "status", "span"),
    [("", 204, "0-1/*"), ("count=exact", 204, "0-1/2"), (BACK, 200, "0-1/*")],
)
async def test_rows_are_updated(things: World, prefer: str, status: int, span: str) -> None:
    """An update changes what its filters let through, and says how much that was."""
    path = "things?id=gte.10&select=id,size&order=id.desc"
    reply = await things.call("PATCH", path, {"size": 5}, Prefer=prefer)
    assert (reply.status, reply.range) == (status, span)
    assert reply.rows == (
        [{"id": 20, "size": 5}, {"id": 10, "size": 5}] if prefer == BACK else None
    )
    assert [row["size"] for row in things.database.rows("things")] == [5, 5]


@pytest.mark.parametrize(
    ("path", "body"),
    [("things?id=eq.9", {"size": 5}), ("things?id=eq.10", {}), ("things?id=eq.10", [])],
)
async def test_an_update_of_nothing(things: World, path: str, body: object) -> None:
    """No row, or no value, and nothing is changed: 200 with an empty list, or 204."""
    reply = await things.call("PATCH", path, body, Prefer=f"{BACK},count=exact")
    assert (reply.status, reply.rows, reply.range) == (200, [], "*/0")
    assert (await things.call("PATCH", path, body)).status == 204


@pytest.mark.parametrize(
    ("prefer", "status", "span", "rows"),
    [("", 204, "*/*", None), (f"count=exact,{BACK}", 200, "*/1", [{"id": 10}])],
)
async def test_rows_are_deleted(
    things: World, prefer: str, status: int, span: str, rows: list[dict[str, int]] | None
) -> None:
    """A delete takes what its filters let through, and gives it back where that is wanted."""
    reply = await things.call("DELETE", "things?name=eq.a&select=id", Prefer=prefer)
    assert (reply.status, reply.range, reply.rows) == (status, span, rows)
    assert names(things) == {20: "b"}


@pytest.mark.parametrize(("method", "verb"), [("PATCH", "UPDATE"), ("DELETE", "DELETE")])
async def test_a_change_of_all_rows_needs_a_filter(things: World, method: str, verb: str) -> None:
    """Without a filter nothing is changed or deleted: Supabase's safeupdate sees to it."""
    reply = await things.call(method, "things?limit=1", {"size": 1})
    assert (reply.status, reply.rows["code"]) == (400, "21000")
    assert reply.rows["message"] == f"{verb} requires a WHERE clause"
    assert len(names(things)) == 2


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_an_object_of_several_rows_undoes_the_change(things: World, method: str) -> None:
    """Where one row was to come back and it is several, PGRST116 comes and nothing is done."""
    reply = await things.call(method, "things?id=gt.0", {"name": "z"}, Accept=OBJECT, Prefer=BACK)
    assert (reply.status, reply.rows["code"]) == (406, "PGRST116")
    assert names(things) == {10: "a", 20: "b"}
    reply = await things.call(method, "things?id=eq.10", {"name": "z"}, Accept=OBJECT, Prefer=BACK)
    assert (reply.status, reply.rows["id"]) == (200, 10)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_of_too_many_rows_is_undone(things: World, method: str) -> None:
    """`max-affected` holds where handling is strict."""
    prefer = "handling=strict,max-affected=1"
    reply = await things.call(method, "things?id=gt.0", {"name": "z"}, Prefer=prefer)
    assert (reply.status, reply.rows["code"]) == (400, "PGRST124")
    assert reply.rows["details"] == "The query affects 2 rows"
    assert names(things) == {10: "a", 20: "b"}
    reply = await things.call(method, "things?id=gt.0", {"name": "z"}, Prefer="max-affected=1")
    assert reply.status == 204


async def test_what_cannot_be_shown_is_not_done(things: World) -> None:
    """A select list that fails undoes the write it belongs to."""
    for select in ("x", "name::int"):
        reply = await things.call(
            "PATCH", f"things?id=eq.10&select={select}", {"size": 8}, Prefer=BACK
        )
        assert reply.status == 400
    assert things.database.rows("things")[0]["size"] == 1


async def test_changes_are_told(things: World) -> None:
    """Writes go through the database, whose listeners hear of each row."""
    heard: list[Change] = []
    things.database.listen(heard.append)
    await things.call("POST", "things", {"id": 30, "name": "c"})
    await things.call("PATCH", "things?id=eq.30", {"name": "C"})
    await things.call("DELETE", "things?id=eq.30")
    assert [change.kind for change in heard] == ["INSERT", "UPDATE", "DELETE"]
    assert heard[1].record is not None
    assert heard[1].record["name"] == "C"


@pytest.mark.parametrize(("signed_in", "status"), [(False, 401), (True, 403)])
@pytest.mark.parametrize("given", [{"workspace_id": THEIRS}, {"workspace_id": None}])
async def test_a_row_for_another_workspace_is_refused(
    world: World, given: dict[str, Any], signed_in: bool, status: int
) -> None:
    """A row that would not be one's own is 42501: 401 for `anon`, 403 for who has signed in."""
    headers = {"Authorization": f"Bearer {world.user_token()}"} if signed_in else {}
    rows = [message(1), message(2) | given]
    reply = await world.call("POST", "messages", rows, **headers)
    assert (reply.status, reply.rows["code"]) == (status, "42501")
    sentence = 'new row violates row-level security policy for table "messages"'
    assert reply.rows["message"] == sentence
    assert world.database.rows("messages") == []


async def test_rows_of_another_workspace_cannot_be_changed(world: World) -> None:
    """What one cannot see is neither updated nor deleted, and cannot be given away."""
    theirs = message(1, workspace_id=THEIRS)
    world.database.insert("messages", [theirs, message(2)])
    for method in ("PATCH", "DELETE"):
        reply = await world.call(
            method, f"messages?id=eq.{theirs['id']}", {"body": "x"}, Prefer=BACK
        )
        assert (reply.status, reply.rows) == (200, [])
    reply = await world.call("PATCH", "messages?body=not.is.null", {"workspace_id": THEIRS})
    assert (reply.status, reply.rows["code"]) == (401, "42501")
    assert [row["workspace_id"] for row in world.database.rows("messages")] == [THEIRS, "w-1"]


async def test_an_upsert_does_not_reach_rows_of_another_workspace(world: World) -> None:
    """An upsert over a row that one cannot see is refused, as is its plain insert."""
    world.database.insert("messages", [message(1, workspace_id=THEIRS, body="theirs")])
    upsert = await world.call("POST", "messages", message(1), Prefer="resolution=merge-duplicates")
    assert (upsert.status, upsert.rows["code"]) == (401, "42501")
    assert upsert.rows["message"] == (
        'new row violates row-level security policy (USING expression) for table "messages"'
    )
    insert = await world.call("POST", "messages", message(1))
    assert (insert.status, insert.rows["code"]) == (409, "23505")
    assert world.database.rows("messages")[0]["body"] == "theirs"


async def test_the_service_key_writes_everywhere(world: World) -> None:
    """Row-level security does not hold for `service_role`."""
    rows = [message(1), message(2, workspace_id=THEIRS)]
    reply = await world.call("POST", "messages", rows, key=world.service_key)
    assert reply.status == 201
    assert len(world.database.rows("messages")) == 2
