"""Reading rows over HTTP: filters, order, shapes, ranges, counts and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.supabase.rest.rows import ROWS
from tests.fakes.supabase.rest.world import THEIRS, World, message

OBJECT = "application/vnd.pgrst.object+json"


@pytest.fixture
def things(world: World) -> World:
    world.database.insert("things", ROWS)
    return world


async def ids(world: World, query: str, **headers: str) -> list[int]:
    reply = await world.get(f"things?select=id&{query}", **headers)
    assert reply.status == 200, reply.body
    return [row["id"] for row in reply.rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3, 4]),
        ("size=eq.3", [1, 4]),
        ("size=neq.3", [3]),
        ("size=not.eq.3", [3]),
        ("size=isdistinct.3", [2, 3]),
        ("size=gt.1&size=lte.3", [1, 4]),
        ("weight=lt.0", [2]),
        ("weight=gte.1.5", [1]),
        ("size=in.(1,3)", [1, 3, 4]),
        ("size=not.in.(1)", [1, 4]),
        ("size=in.()", []),
        ("size=not.in.()", [1, 2, 3, 4]),
        ('name=in.("100%25, a_b",ola)', [2, 4]),
        ("name=is.null", [3]),
        ("name=not.is.null", [1, 2, 4]),
        ("name=is.not_null", [1, 2, 4]),
        ("is_new=is.true", [1]),
        ("is_new=is.false", [2]),
        ("is_new=is.unknown", [3, 4]),
        ("name=like.Ol*", [1]),
        ("name=ilike.o%25", [1, 2]),
        (r"name=like.*a\_b", [4]),
        ("name=like(any).{O*,o*}", [1, 2]),
        ("name=ilike(all).{o*,*a}", [2]),
        ("name=match.^O", [1]),
        ("name=imatch.^o", [1, 2]),
        ("id=eq(any).{1,2}", [1, 2]),
        ("tags=cs.{a}", [1]),
        ("tags=cd.{a,b,c}", [1, 2]),
        ("tags=ov.{b,c}", [1]),
        ("tags=eq.{}", [2]),
        ("tags->>0=eq.a", [1]),
        ('data=cs.{"a":{"b":["x"]}}', [4]),
        ('data=cs.{"n":"7"}', []),
        ("data->>n=eq.7", [4]),
        ("data->n=eq.7", [4]),
        ("data->t=eq.7", []),
        ("data->a->b->>-2=eq.x", [4]),
        ("made_at=gte.2026-01-02T00:04:05-03:00", [4]),
        ("made_at=gt.2026-01-02T03:04:05.000Z", []),
        ("or=(size.eq.1,name.eq.ola)", [2, 3]),
        ("and=(size.eq.3,or(id.eq.1,id.eq.2))", [1]),
        ("not.or=(size.eq.3,id.eq.3)", []),
        ("or=(size.not.eq.3,size.is.null)", [2, 3]),
    ],
)
async def test_filters(things: World, query: str, expected: list[int]) -> None:
    """A filter lets through what SQL's operator would; the unknown never passes."""
    assert await ids(things, query) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("size", [3, 1, 4, 2]),
        ("size.desc", [2, 1, 4, 3]),
        ("size.desc.nullslast", [1, 4, 3, 2]),
        ("size.nullsfirst,id.desc", [2, 3, 4, 1]),
        ("size.asc,id.desc", [3, 4, 1, 2]),
        ("data->n.desc.nullslast,id", [4, 1, 2, 3]),
        ("tags.desc.nullslast,id", [1, 2, 3, 4]),
    ],
)
async def test_order(things: World, order: str, expected: list[int]) -> None:
    """Rows come in the order asked for, equal ones in the order of their entry."""
    assert await ids(things, f"order={order}") == expected


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("id,label:name", {"id": 4, "label": "100%, a_b"}),
        ("data->a->b", {"b": [1, "x", None]}),
        ("data->a->b->>1", {"b": "x"}),
        ("it:data->>a", {"it": '{"b":[1,"x",null]}'}),
        ("data->0", {"data": None}),
        ("size::text,id::float8", {"size": "3", "id": 4.0}),
        ("data->>t::int", {"t": 7}),
        ("made_at", {"made_at": "2026-01-02T03:04:05+00:00"}),
        ("", {}),
    ],
)
async def test_select(things: World, select: str, expected: dict[str, Any]) -> None:
    """Each row shows what the select list names, under an alias and cast where it says so."""
    reply = await things.get(f"things?id=eq.4&select={select}")
    assert reply.rows == [expected]


async def test_everything_is_shown_unless_the_query_says_what(things: World) -> None:
    """Without a select list, a row has every column in the table's order."""
    reply = await things.get("things?id=eq.3")
    assert list(reply.rows[0]) == [
        *("id", "name", "size", "weight", "is_new", "made_at", "code", "tags", "data")
    ]
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.headers["Content-Location"] == "/things?id=eq.3"


@pytest.mark.parametrize(
    ("query", "prefer", "status", "span"),
    [
        ("", "", 200, "0-3/*"),
        ("limit=2", "", 200, "0-1/*"),
        ("limit=2&offset=2", "", 200, "2-3/*"),
        ("id=eq.9", "", 200, "*/*"),
        ("offset=9", "", 200, "*/*"),
        ("limit=0", "", 200, "*/*"),
        ("", "count=exact", 200, "0-3/4"),
        ("limit=2", "count=exact", 206, "0-1/4"),
        ("limit=2", "count=planned", 206, "0-1/4"),
        ("limit=2", "count=estimated", 206, "0-1/4"),
        ("id=eq.9", "count=exact", 200, "*/0"),
        ("offset=4", "count=exact", 206, "*/4"),
        ("limit=0", "count=exact", 206, "*/4"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_content_range(
    things: World, method: str, query: str, prefer: str, status: int, span: str
) -> None:
    """`Content-Range` says which part it is, with the number of all rows where it was wanted."""
    reply = await things.call(method, f"things?{query}", Prefer=prefer)
    assert (reply.status, reply.range) == (status, span)
    assert reply.headers.get("Preference-Applied", "") == prefer
    assert (reply.rows is None) is (method == "HEAD")


async def test_the_range_header_counts_items(things: World) -> None:
    """`Range` of a GET names the first and the last item; a HEAD does not look at it."""
    assert await ids(things, "order=id", Range="1-2") == [2, 3]
    reply = await things.call("HEAD", "things", Range="1-2")
    assert reply.range == "0-3/*"


async def test_an_offset_past_the_end_of_a_count_is_416(things: World) -> None:
    """Past the end, a counted result is PGRST103 with the number of rows."""
    reply = await things.get("things?offset=5", Prefer="count=exact")
    assert (reply.status, reply.range) == (416, "*/4")
    assert reply.rows == {
        "code": "PGRST103",
        "details": "An offset of 5 was requested, but there are only 4 rows.",
        "hint": None,
        "message": "Requested range not satisfiable",
    }


async def test_one_row_as_an_object(things: World) -> None:
    """Asked for an object, one row is one, and none or several are 406 PGRST116."""
    reply = await things.get("things?select=id&id=eq.1", Accept=OBJECT)
    assert reply.rows == {"id": 1}
    assert reply.headers["Content-Type"] == f"{OBJECT}; charset=utf-8"
    for query, count in (("id=eq.9", 0), ("", 4)):
        reply = await things.get(f"things?{query}", Accept=OBJECT)
        assert reply.status == 406
        assert reply.rows == {
            "code": "PGRST116",
            "details": f"The result contains {count} rows",
            "hint": None,
            "message": "Cannot coerce the result to a single JSON object",
        }


@pytest.mark.parametrize(
    ("accept", "content_type", "body"),
    [
        ("*/*", "application/json", b'[{"id":3,"name":null}]'),
        ("text/html, application/*;q=0.5", "application/json", b'[{"id":3,"name":null}]'),
        ("text/csv", "text/csv", b"id,name\n3,\n"),
        ("text/csv;q=0.1, application/json", "application/json", b'[{"id":3,"name":null}]'),
        (f"{OBJECT};nulls=stripped", f"{OBJECT};nulls=stripped", b'{"id":3}'),
        (
            "application/vnd.pgrst.array+json;nulls=stripped",
            "application/vnd.pgrst.array+json;nulls=stripped",
            b'[{"id":3}]',
        ),
    ],
)
async def test_media_types(things: World, accept: str, content_type: str, body: bytes) -> None:
    """The answer comes as the type that is wanted most among those that can be had."""
    reply = await things.get("things?select=id,name&id=eq.3", Accept=accept)
    assert reply.headers["Content-Type"] == f"{content_type}; charset=utf-8"
    assert reply.body == body


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("things?x=eq.1", 400, "42703", "column things.x does not exist"),
        ("things?select=x", 400, "42703", "column things.x does not exist"),
        ("things?order=x", 400, "42703", "column things.x does not exist"),
        ("things?or=(x.eq.1)", 400, "42703", "column things.x does not exist"),
        ("things?size=eq.a", 400, "22P02", 'invalid input syntax for type integer: "a"'),
        ("things?size=in.(1,a)", 400, "22P02", 'invalid input syntax for type integer: "a"'),
        (
            "things?size=eq.99999999999",
            400,
            "22003",
            'value "99999999999" is out of range for type integer',
        ),
        ("things?code=eq.a", 400, "22P02", 'invalid input syntax for type uuid: "a"'),
        ("things?tags=cs.a", 400, "22P02", 'malformed array literal: "a"'),
        ("things?name=eq(any).a", 400, "22P02", 'malformed array literal: "a"'),
        ("things?size=like.a", 404, "42883", "operator does not exist: integer ~~ unknown"),
        ("things?name=cs.{a}", 404, "42883", "operator does not exist: text @> unknown"),
        ("things?size=sl.(1,2)", 404, "42883", "operator does not exist: integer << unknown"),
        ("things?data->>a->b=eq.1", 404, "42883", "operator does not exist: text -> unknown"),
        ("things?size=is.true", 400, "42804", "argument of IS TRUE must be type boolean"),
        ("things?select=id::nope", 400, "42704", 'type "nope" does not exist'),
        ("things?select=name::int", 400, "22P02", 'invalid input syntax for type integer: "Olá"'),
        ("things?name=fts.cat", 400, "PGRST127", "Feature not implemented"),
        ("things?select=count()", 400, "PGRST123", "Use of aggregate functions is not allowed"),
        (
            "things?select=*,messages(id)",
            400,
            "PGRST200",
            "Could not find a relationship between 'things' and 'messages' in the schema cache",
        ),
        (
            "nowhere",
            404,
            "PGRST205",
            "Could not find the table 'public.nowhere' in the schema cache",
        ),
        ("things/1", 404, "PGRST125", "Invalid path specified in request URL"),
        ("", 404, "PGRST126", "Root endpoint metadata is disabled"),
        (
            "rpc/add",
            404,
            "PGRST202",
            "Could not find the function public.add without parameters in the schema cache",
        ),
    ],
)
async def test_what_cannot_be_read_is_refused(
    things: World, path: str, status: int, code: str, message: str
) -> None:
    """A refusal has the status and the code of PostgREST or Postgres, and its sentence."""
    reply = await things.get(path)
    assert (reply.status, reply.rows["code"]) == (status, code)
    assert reply.rows["message"].startswith(message)
    assert set(reply.rows) == {"code", "message", "details", "hint"}
    assert reply.headers["Proxy-Status"] == f"PostgREST; error={code}"


async def test_a_table_with_a_similar_name_is_hinted_at(world: World) -> None:
    """A name much like a table's comes with a hint, another one without."""
    near = await world.get("message")
    assert near.rows["hint"] == "Perhaps you meant the table 'public.messages'"
    far = await world.get("nowhere")
    assert far.rows["hint"] is None


async def test_there_is_one_schema(world: World) -> None:
    """Another schema than `public` is 406 PGRST106, for reads and for writes."""
    assert (await world.get("things", Accept_Profile="public")).status == 200
    for method, header in (("GET", "Accept_Profile"), ("POST", "Content_Profile")):
        reply = await world.call(method, "things", {}, **{header: "private"})
        assert (reply.status, reply.rows["code"]) == (406, "PGRST106")
        assert reply.rows["message"] == "Invalid schema: private"
        assert reply.rows["hint"] == "Only the following schemas are exposed: public"


async def test_a_media_type_that_cannot_be_had_is_406(world: World) -> None:
    """Where nothing that is accepted can be had, PGRST107 names it all."""
    reply = await world.get("things", Accept="text/html, application/vnd.pgrst.plan")
    assert (reply.status, reply.rows["code"]) == (406, "PGRST107")
    message = "None of these media types are available: text/html, application/vnd.pgrst.plan"
    assert reply.rows["message"] == message


async def test_a_put_is_not_known(world: World) -> None:
    """A method that tables do not know is 405 PGRST117."""
    reply = await world.call("PUT", "things", {})
    assert (reply.status, reply.rows["code"]) == (405, "PGRST117")
    assert reply.rows["message"] == "Unsupported HTTP method: PUT"


async def test_rows_of_other_workspaces_are_not_there(world: World) -> None:
    """A key of a workspace sees and counts its rows alone; the service key sees all of them."""
    world.database.insert("messages", [message(1), message(2, workspace_id=THEIRS)])
    mine = await world.get("messages?select=workspace_id", Prefer="count=exact")
    assert (mine.rows, mine.range) == ([{"workspace_id": "w-1"}], "0-0/1")
    all_of_them = await world.call("GET", "messages?select=id", key=world.service_key)
    assert len(all_of_them.rows) == 2
    user = await world.get("messages", Authorization=f"Bearer {world.user_token(THEIRS)}")
    assert [row["workspace_id"] for row in user.rows] == [THEIRS]


async def test_a_role_without_a_right_is_refused(world: World) -> None:
    """A revoked role gets 42501: 401 as `anon`, who may sign in, and 403 as somebody."""
    for role in ("anon", "authenticated"):
        world.policy.revoke(role, "things")
    anonymous = await world.get("things")
    assert (anonymous.status, anonymous.rows["code"]) == (401, "42501")
    assert anonymous.headers["WWW-Authenticate"] == "Bearer"
    somebody = await world.get("things", Authorization=f"Bearer {world.user_token()}")
    assert (somebody.status, somebody.rows["message"]) == (
        403,
        "permission denied for table things",
    )
    assert "WWW-Authenticate" not in somebody.headers
