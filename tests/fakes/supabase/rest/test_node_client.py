"""supabase-js, unmodified, on Node: every filter, order, part, error and write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fakes.supabase.rest import RestFault
from tests.fakes.supabase.rest.rows import ROWS

if TYPE_CHECKING:
    from tests.fakes.supabase.rest.world import World
    from tests.node_peers import RunNode


def outcome(
    status: int, data: object = None, *, count: int | None = None, error: object = None
) -> dict[str, Any]:
    return {"status": status, "count": count, "data": data, "error": error}


def error(
    code: str, message: str, *, details: str | None = None, hint: str | None = None
) -> dict[str, str | None]:
    return {"code": code, "message": message, "details": details, "hint": hint}


SAFE: Final = error("21000", "UPDATE requires a WHERE clause")
FOREIGN: Final = error("42501", 'new row violates row-level security policy for table "messages"')

EXPECTED: Final[dict[str, Any]] = {
    "eq": [1, 4],
    "neq": [3],
    "gt": [1, 4],
    "gte": [1, 3, 4],
    "lt": [2],
    "lte": [1, 2],
    "like": [1, 2],
    "likeAllOf": [2],
    "likeAnyOf": [1, 2],
    "ilike": [1, 2],
    "ilikeAnyOf": [2],
    "regexMatch": [1],
    "regexIMatch": [1, 2],
    "isNull": [3],
    "isTrue": [1],
    "isDistinct": [2, 3],
    "in": [2, 4],
    "notIn": [3, 4],
    "contains": [1],
    "containsJson": [4],
    "containedBy": [1, 2],
    "overlaps": [1],
    "match": [1],
    "not": [3],
    "or": [2, 3],
    "filter": [4],
    "order": [1, 4, 3, 2],
    "limit": [1, 2],
    "range": [2, 3],
    "alias": [{"key": 4, "b": [1, "x", None]}],
    "count": outcome(206, [{"id": 1}], count=4),
    "head": outcome(200, count=4),
    "pastTheEnd": outcome(
        416,
        error=error(
            "PGRST103",
            "Requested range not satisfiable",
            details="An offset of 9 was requested, but there are only 4 rows.",
        ),
    ),
    "single": outcome(200, {"id": 1}),
    "singleOfNone": outcome(
        406,
        error=error(
            "PGRST116",
            "Cannot coerce the result to a single JSON object",
            details="The result contains 0 rows",
        ),
    ),
    "maybeSingle": outcome(200, {"id": 1}),
    "maybeSingleOfNone": outcome(200),
    "maybeSingleOfMany": "PGRST116",
    "csv": "id,name\n2,ola\n",
    "noTable": outcome(
        404,
        error=error(
            "PGRST205",
            "Could not find the table 'public.thing' in the schema cache",
            hint="Perhaps you meant the table 'public.things'",
        ),
    ),
    "noColumn": outcome(400, error=error("42703", "column things.x does not exist")),
    "badValue": outcome(400, error=error("22P02", 'invalid input syntax for type integer: "a"')),
    "retried": outcome(200, []),
    "insert": outcome(201),
    "insertMany": outcome(
        201, [{"id": 51, "name": "x", "size": None}, {"id": 52, "name": None, "size": 2}]
    ),
    "duplicate": outcome(
        409,
        error=error(
            "23505",
            'duplicate key value violates unique constraint "things_pkey"',
            details="Key (id)=(50) already exists.",
        ),
    ),
    "noWrittenColumn": outcome(
        400,
        error=error("PGRST204", "Could not find the 'x' column of 'things' in the schema cache"),
    ),
    "upsert": outcome(200, {"id": 50, "name": "new", "size": 9}),
    "upsertIgnoring": outcome(201, [{"id": 53}]),
    "upsertOn": outcome(200, [{"id": 51, "size": 7}]),
    "update": outcome(200, [{"id": 50, "size": 1}]),
    "updateOfAll": SAFE,
    "delete": outcome(204, count=4),
    "foreignRow": FOREIGN,
}


async def test_supabase_js(world: World, node: RunNode) -> None:
    """supabase-js gets from the fake what it gets from Supabase, and retries a read after a 503."""
    world.database.insert("things", ROWS)
    world.faults.add(RestFault(status=503, table="conversations"))
    answers = await node("supabase_rest.mjs", world.url, world.key)
    assert answers == EXPECTED
    assert world.faults.pending == ()
