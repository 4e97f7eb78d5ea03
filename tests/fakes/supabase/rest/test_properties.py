"""Properties: filters against a naive evaluator, pages that partition, and no query that breaks."""

from __future__ import annotations

import operator
import re
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fakes.supabase.database import Database
from fakes.supabase.keys import Claims
from fakes.supabase.policy import Policy
from fakes.supabase.rest.calls import Answer, Call
from fakes.supabase.rest.errors import RestError
from fakes.supabase.rest.service import carry_out
from tests.fakes.supabase.rest.world import THINGS

ALL = Claims("service_role", 2**31)
POLICY = Policy()

# small alphabets, so that values meet; characters that have a meaning in a query among them
texts = st.text('aA,.()"\\{}% *_é', max_size=4)
sizes = st.integers(-3, 3)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | texts,
            "size": st.none() | sizes,
            "is_new": st.none() | st.booleans(),
            "tags": st.none() | st.lists(texts, max_size=2),
        }
    ),
    max_size=8,
)


def get(database: Database, query: str, **given: Any) -> Answer:
    call = Call(method="GET", table="things", claims=ALL, query=query, **given)
    return carry_out(call, database, POLICY)


def outcome(database: Database, call: Call) -> tuple[int, str | None]:
    """Return the status, and the code of what is refused."""
    try:
        return carry_out(call, database, POLICY).status, None
    except RestError as error:
        return error.status, error.body.code


def filled(given: list[dict[str, Any]]) -> Database:
    database = Database((THINGS,))
    database.insert("things", given)
    return database


def found(database: Database, query: str) -> list[dict[str, Any]]:
    answer = get(database, query)
    assert answer.status == 200
    decoded: list[dict[str, Any]] = msgspec.json.decode(answer.body)
    return decoded


# --- conditions, each with the query that says it and what it means ---

COMPARISONS = {
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Leaf(msgspec.Struct, frozen=True):
    """A condition on one column."""

    column: str
    operator: str
    operand: Any

    def query(self) -> str:
        """The condition as it stands within a group."""
        if self.operator == "in":
            items = ",".join(quoted(str(each)) for each in self.operand)
            return f"{self.column}.in.({items})"
        if self.operator == "is":
            return f"{self.column}.is.{self.operand}"
        return f"{self.column}.{self.operator}.{quoted(str(self.operand))}"

    def holds(self, row: dict[str, Any]) -> bool | None:
        """What SQL makes of it."""
        value = row[self.column]
        if self.operator == "is":
            return value is {"null": None, "true": True, "false": False}[self.operand]
        if self.operator == "in" and not self.operand:
            return False
        if value is None:
            return None
        if self.operator == "in":
            return value in self.operand
        if self.operator in COMPARISONS:
            return bool(COMPARISONS[self.operator](value, self.operand))
        return bool(like(self.operand, ignore_case=self.operator == "ilike").fullmatch(value))


class Tree(msgspec.Struct, frozen=True):
    """A group, or with one part and `not` a condition negated."""

    negated: bool
    any: bool
    parts: tuple[Any, ...]

    def query(self) -> str:
        """The group as it stands within another."""
        inner = ",".join(part.query() for part in self.parts)
        return f"{'not.' if self.negated else ''}{'or' if self.any else 'and'}({inner})"

    def holds(self, row: dict[str, Any]) -> bool | None:
        """What SQL makes of it."""
        answers = [part.holds(row) for part in self.parts]
        decisive = self.any
        answer = decisive if decisive in answers else None if None in answers else not decisive
        return None if answer is None else answer is not self.negated


def like(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    """SQL's LIKE as a regular expression; `*` is PostgREST's other way to write `%`."""
    parts = []
    characters = iter(pattern.replace("*", "%"))
    for each in characters:
        literal = next(characters, each) if each == "\\" else each
        wild = {"%": ".*", "_": "."}.get(each)
        parts.append(re.escape(literal) if wild is None else wild)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


leaves = st.one_of(
    st.builds(Leaf, st.just("name"), st.sampled_from([*COMPARISONS, "like", "ilike"]), texts),
    st.builds(Leaf, st.just("size"), st.sampled_from([*COMPARISONS]), sizes),
    st.builds(Leaf, st.just("name"), st.just("in"), st.lists(texts, max_size=3).map(tuple)),
    st.builds(Leaf, st.just("size"), st.just("in"), st.lists(sizes, max_size=3).map(tuple)),
    st.builds(Leaf, st.sampled_from(["name", "size"]), st.just("is"), st.just("null")),
    st.builds(Leaf, st.just("is_new"), st.just("is"), st.sampled_from(["null", "true", "false"])),
)
trees = st.recursive(
    leaves,
    lambda parts: st.builds(
        Tree, st.booleans(), st.booleans(), st.lists(parts, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


@given(rows, trees)
def test_conditions_agree_with_a_naive_evaluator(
    given: list[dict[str, Any]], tree: Leaf | Tree
) -> None:
    """A group of conditions lets through exactly the rows for which SQL's logic says true."""
    # `in` of one empty text is how PostgREST writes `in` of nothing
    assume('in.("")' not in tree.query())
    database = filled(given)
    expected = [row["id"] for row in database.rows("things") if tree.holds(row) is True]
    query = f"select=id&and={quote(f'({tree.query()})')}"
    assert [row["id"] for row in found(database, query)] == expected


@given(rows, leaves, st.booleans())
def test_a_filter_means_the_same_alone(
    given: list[dict[str, Any]], leaf: Leaf, negated: bool
) -> None:
    """As a parameter of its own a condition needs no quotes, and `not.` negates it."""
    assume(leaf.operator != "in")
    database = filled(given)
    expected = [row["id"] for row in database.rows("things") if leaf.holds(row) is (not negated)]
    value = f"{'not.' if negated else ''}{leaf.operator}.{leaf.operand}"
    query = f"select=id&{leaf.column}={quote(value)}"
    assert [row["id"] for row in found(database, query)] == expected


orders = st.lists(
    st.tuples(
        st.sampled_from(["name", "size", "is_new", "tags"]),
        st.sampled_from(["", ".asc", ".desc"]),
        st.sampled_from(["", ".nullsfirst", ".nullslast"]),
    ),
    max_size=3,
)


@given(rows, orders)
def test_order_agrees_with_a_naive_one(
    given: list[dict[str, Any]], terms: list[tuple[str, str, str]]
) -> None:
    """Of two rows side by side, the first term in which they differ says which comes first."""
    database = filled(given)
    written = ",".join("".join(term) for term in terms)
    shown = found(database, f"order={written}" if terms else "")
    assert sorted(row["id"] for row in shown) == [row["id"] for row in database.rows("things")]
    for one, other in pairwise(shown):
        assert precedes(one, other, terms)


def precedes(one: dict[str, Any], other: dict[str, Any], terms: list[tuple[str, str, str]]) -> bool:
    for column, direction, nulls in terms:
        left, right = one[column], other[column]
        if left == right:
            continue
        if None in (left, right):
            first = nulls == ".nullsfirst" or (direction == ".desc" and not nulls)
            return (left is None) is first
        return bool(left > right) if direction == ".desc" else bool(left < right)
    return bool(one["id"] < other["id"])


@given(rows, st.integers(1, 4), st.booleans())
def test_pages_partition_a_result(given: list[dict[str, Any]], size: int, by_header: bool) -> None:
    """Page after page, by parameters or by header, each row is shown once and counted."""
    database = filled(given)
    shown: list[int] = []
    for first in range(0, max(len(given), 1), size):
        window = f"{first}-{first + size - 1}" if by_header else ""
        query = "select=id" if by_header else f"select=id&limit={size}&offset={first}"
        answer = get(database, query, range=window, prefer=["count=exact"])
        page = [row["id"] for row in msgspec.json.decode(answer.body)]
        span = f"{first}-{first + len(page) - 1}" if page else "*"
        assert answer.headers["Content-Range"] == f"{span}/{len(given)}"
        assert answer.status == (200 if len(page) == len(given) else 206)
        shown += page
    assert shown == [row["id"] for row in database.rows("things")]


# --- queries that are nearly right, or not at all ---

pieces = st.sampled_from(
    [
        *("id", "name", "size", "tags", "data", "is_new", "made_at", "code", "nope", "select"),
        *("order", "limit", "offset", "and", "or", "not", "columns", "on_conflict", "apikey"),
        *("eq", "in", "is", "like", "match", "cs", "cd", "ov", "fts", "isdistinct", "any", "all"),
        *("null", "true", "desc", "nullslast", "*", "count()", "5", "-1", "1e999", "NaN", "{}"),
        *("[]", "2026-01-01", "0001-01-01T00:00:00+14:00", "99999999999999999999", "\x00", "é"),
        *(".", ",", "(", ")", "=", "&", "%", "->", "->>", "::", ":", '"', "\\", "{", "}", "!", "+"),
        *("int", "text", "jsonb", "timestamptz", "%ff", "%00", "[", "(a|a)*", "..."),
    ]
)
queries = st.lists(pieces, max_size=14).map("".join) | st.text(max_size=20)
names = st.sampled_from(["id", "name", "size", "tags", "data", "data->a", "data->>0", "made_at"])
filters = st.builds(
    "{}={}.{}".format,
    names,
    st.sampled_from(
        ["eq", "not.gt", "in", "is", "like", "cs", "cd", "ov", "lt(any)", "isdistinct"]
    ),
    st.lists(pieces, max_size=5).map("".join),
)
ROWS: list[dict[str, Any]] = [
    {"name": "a", "size": 1, "tags": ["a", None], "data": {"a": [1, None, {"b": "x"}]}},
    {"name": None, "data": [True, "x", 1.5], "is_new": True, "made_at": "now"},
    {"data": "text", "code": "00000000-0000-4000-8000-000000000000"},
]


@given(queries | filters | st.builds("{}&{}".format, filters, queries))
def test_no_query_breaks_anything(query: str) -> None:
    """Whatever is asked is answered, or refused with a status of the client's."""
    database = filled(ROWS)
    for method in ("GET", "PATCH", "DELETE"):
        call = Call(method=method, table="things", claims=ALL, query=query, body=b'{"size": 2}')
        status, _ = outcome(database, call)
        assert status < 500


bodies = (
    st.binary(max_size=20)
    | st.lists(pieces, max_size=10).map(lambda parts: "".join(parts).encode("utf-8"))
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "name", "size", "tags", "data", "x"]), inner)
        ),
        max_leaves=8,
    ).map(msgspec.json.encode)
)


@given(
    bodies,
    st.sampled_from(["", "columns=id,name", "on_conflict=name", "select=data->a"]),
    st.sampled_from(["", "resolution=merge-duplicates", "resolution=ignore-duplicates"]),
    st.sampled_from(["application/json", "text/csv", "application/x-www-form-urlencoded"]),
)
def test_no_body_breaks_anything(body: bytes, query: str, prefer: str, content_type: str) -> None:
    """Whatever is written is stored and shown, or refused and nothing is stored."""
    database = filled([])
    call = Call(
        method="POST",
        table="things",
        claims=ALL,
        query=query,
        body=body,
        content_type=content_type,
        prefer=[prefer, "return=representation"],
    )
    status, code = outcome(database, call)
    # 21000, a row merged twice, is PostgREST's 500
    assert status < 500 or code == "21000"
    assert code is None or database.rows("things") == []


@pytest.mark.parametrize("depth", [300, 900])
def test_deep_json_is_answered(depth: int) -> None:
    """JSON within JSON within JSON is a value, or a refusal, but no end of the server."""
    deep = "[" * depth + "]" * depth
    database = filled(ROWS)
    for query in (f"data=eq.{deep}", f"data=gt.{deep}", f"data=cs.{deep}", f"data=in.({deep})"):
        call = Call(method="GET", table="things", claims=ALL, query=query)
        assert outcome(database, call)[0] in (200, 400)
