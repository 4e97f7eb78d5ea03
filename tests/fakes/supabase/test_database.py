"""The database: types, rows, transactions, and what its listeners are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.supabase import types
from fakes.supabase.database import Change, Database, DatabaseError
from fakes.supabase.schema import Column, Table

THINGS = Table(
    "things",
    (
        Column("id", "int8", nullable=False, generated="serial"),
        Column("name", nullable=False, default="nameless"),
        Column("size", "int4"),
        Column("code", "uuid", generated="uuid"),
        Column("made_at", "timestamptz", generated="now"),
    ),
)


def database_of(**how: Any) -> tuple[Database, list[Change]]:
    database, changes = Database((THINGS,), **how), list[Change]()
    database.listen(changes.append)
    return database, changes


# types


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("text", " as it is ", " as it is "),
        ("int4", " 7 ", 7),
        ("int8", "-9223372036854775808", -(2**63)),
        ("float8", "1e3", 1000.0),
        ("numeric", "12345678901234567890", 12345678901234567890),
        ("bool", "Yes", True),
        ("bool", "f", False),
        ("uuid", "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("timestamptz", "2026-11-22T03:47:23.620-03:00", "2026-11-22T06:47:23.62+00:00"),
        ("timestamptz", "2026-11-22 06:47:23Z", "2026-11-22T06:47:23+00:00"),
        ("timestamp", "2026-11-22T06:47:23.000001", "2026-11-22T06:47:23.000001"),
        ("date", "2026-11-22", "2026-11-22"),
        ("jsonb", '{"a": [1]}', {"a": [1]}),
        ("_int4", "{1, 2,NULL}", [1, 2, None]),
        ("_text", '{a,"b, \\"c\\""," d"}', ["a", 'b, "c"', " d"]),
        ("_text", "{}", []),
    ],
)
def test_literals(type_name: str, text: str, value: object) -> None:
    """A literal becomes the value that Postgres would put into JSON."""
    assert types.read_text(type_name, text) == value


@pytest.mark.parametrize(
    ("type_name", "text", "code", "sentence"),
    [
        ("int4", "x", "22P02", 'invalid input syntax for type integer: "x"'),
        ("int4", "1.5", "22P02", 'invalid input syntax for type integer: "1.5"'),
        ("int2", "32768", "22003", 'value "32768" is out of range for type smallint'),
        ("float8", "nan", "22P02", 'invalid input syntax for type double precision: "nan"'),
        ("bool", "maybe", "22P02", 'invalid input syntax for type boolean: "maybe"'),
        ("uuid", "1", "22P02", 'invalid input syntax for type uuid: "1"'),
        (
            "timestamptz",
            "soon",
            "22007",
            'invalid input syntax for type timestamp with time zone: "soon"',
        ),
        ("date", "2026-13-01", "22007", 'invalid input syntax for type date: "2026-13-01"'),
        ("jsonb", "{", "22P02", "invalid input syntax for type json"),
        ("_text", "a,b", "22P02", 'malformed array literal: "a,b"'),
        ("_text", '{"a}', "22P02", 'malformed array literal: "{"a}"'),
        ("_text", '{"a"b}', "22P02", 'malformed array literal: "{"a"b}"'),
        ("timestamptz", "0001-01-01T00:00:00+14:00", "22008", None),
    ],
)
def test_what_is_no_literal(type_name: str, text: str, code: str, sentence: str | None) -> None:
    """Postgres' own code and sentence."""
    with pytest.raises(DatabaseError) as refused:
        types.read_text(type_name, text)
    assert refused.value.code == code
    assert sentence in (None, str(refused.value))


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2))
def test_moments_sort_as_their_texts(moments: list[datetime]) -> None:
    """Whatever digits a moment needs, the texts are in the order of the moments."""
    texts = [types.read_text("timestamptz", each.isoformat()) for each in moments]
    assert sorted(texts) == [
        types.read_text("timestamptz", each.isoformat()) for each in sorted(moments)
    ]


@pytest.mark.parametrize(
    ("type_name", "given_value", "value"),
    [
        ("int4", 5, 5),
        ("int4", "5", 5),
        ("text", 5, "5"),
        ("text", {"a": 1}, '{"a":1}'),
        ("bool", True, True),
        ("jsonb", "text", "text"),
        ("_text", ["a", None], ["a", None]),
        ("int4", None, None),
    ],
)
def test_values_from_json(type_name: str, given_value: object, value: object) -> None:
    """JSON is read as the column's type has it."""
    assert types.read_json(type_name, given_value) == value


# rows


def test_defaults() -> None:
    """What a row does not name is its default, or made up."""
    database, _ = database_of()
    first, second = database.insert("things", [{"size": "5"}, {"name": "a"}])
    assert (first["id"], first["name"], first["size"]) == (1, "nameless", 5)
    assert (second["id"], second["size"]) == (2, None)
    assert types.read_text("uuid", first["code"]) == first["code"] != second["code"]
    assert types.read_text("timestamptz", first["made_at"]) == first["made_at"]


def test_changes_are_told_one_by_one() -> None:
    """With the row before and after, whole, and the moment."""
    database, changes = database_of(clock=lambda: 1.5)
    (row,) = database.insert("things", [{"name": "a"}])
    (new,) = database.update("things", lambda each: each["id"] == 1, {"name": "b"})
    assert database.delete("things", lambda each: True) == [new]
    assert [(each.kind, each.record, each.old_record) for each in changes] == [
        ("INSERT", row, None),
        ("UPDATE", row | {"name": "b"}, row),
        ("DELETE", None, new),
    ]
    assert {each.commit_ms for each in changes} == {1500}
    assert database.rows("things") == []


@pytest.mark.parametrize(
    ("rows", "code", "sentence"),
    [
        ([{"nothing": 1}], "42703", 'column "nothing" of relation "things" does not exist'),
        ([{"size": "x"}], "22P02", 'invalid input syntax for type integer: "x"'),
        (
            [{"name": None}],
            "23502",
            'null value in column "name" of relation "things" violates not-null constraint',
        ),
        ([{"id": 7}], "23505", 'duplicate key value violates unique constraint "things_pkey"'),
        (
            [{"id": 9}, {"id": 9}],
            "23505",
            'duplicate key value violates unique constraint "things_pkey"',
        ),
    ],
)
def test_a_statement_is_done_whole_or_not_at_all(
    rows: list[dict[str, Any]], code: str, sentence: str
) -> None:
    """One bad row undoes the others, and nobody is told."""
    database, changes = database_of()
    database.insert("things", [{"id": 7}])
    with pytest.raises(DatabaseError) as refused:
        database.insert("things", [{"id": 8}, *rows])
    assert (refused.value.code, str(refused.value)) == (code, sentence)
    assert [each["id"] for each in database.rows("things")] == [7]
    assert len(changes) == 1


def test_conflicts() -> None:
    """`merge` changes what the new row names, `ignore` leaves the old one."""
    database, changes = database_of()
    database.insert("things", [{"id": 1, "name": "a", "size": 5}])
    (merged,) = database.insert("things", [{"id": 1, "name": "b"}], conflict="merge")
    assert (merged["name"], merged["size"]) == ("b", 5)
    assert database.insert("things", [{"id": 1, "name": "c"}], conflict="ignore") == []
    by_name = database.insert("things", [{"name": "b", "size": 6}], conflict="merge", on=("name",))
    assert [each["id"] for each in by_name] == [1]
    assert [each.kind for each in changes] == ["INSERT", "UPDATE", "UPDATE"]


def test_a_row_by_its_key() -> None:
    """A row is found, and changed, by its primary key; an unknown one is none."""
    database, _ = database_of()
    database.insert("things", [{"id": 1}])
    assert database.update_row("things", (1,), {"size": 3}) == database.get("things", 1)
    assert database.update_row("things", (2,), {"size": 3}) is None
    assert database.get("things", 2) is None


def test_a_key_that_moves() -> None:
    """A row may get another key, but not one that is taken."""
    database, _ = database_of()
    database.insert("things", [{"id": 1}, {"id": 2}])
    database.update_row("things", (1,), {"id": 3})
    assert sorted(each["id"] for each in database.rows("things")) == [2, 3]
    with pytest.raises(DatabaseError):
        database.update_row("things", (3,), {"id": 2})


def test_an_unknown_table() -> None:
    """42P01, whatever is wanted of it."""
    database, _ = database_of()
    with pytest.raises(DatabaseError) as refused:
        database.insert("nothing", [])
    assert (refused.value.code, str(refused.value)) == (
        "42P01",
        'relation "public.nothing" does not exist',
    )


def test_what_is_kept() -> None:
    """Beyond the bound the oldest rows are forgotten, and nobody is told."""
    database, changes = database_of(most_rows=3)
    for number in range(5):
        database.insert("things", [{"id": number}])
    assert [each["id"] for each in database.rows("things")] == [2, 3, 4]
    assert {each.kind for each in changes} == {"INSERT"}
