"""Reading a query: what it means, and how a wrong one is complained about."""

from __future__ import annotations

import pytest

from fakes.supabase.rest.conditions import Condition, Group, Operation
from fakes.supabase.rest.errors import RestError
from fakes.supabase.rest.fields import Arrow, Field
from fakes.supabase.rest.query import Query, read_query
from fakes.supabase.rest.selection import Aggregate, Embedding, OrderTerm, Selected, Star


def complaint(query: str) -> tuple[str, str | None]:
    with pytest.raises(RestError) as caught:
        read_query(query)
    assert (caught.value.status, caught.value.body.code) == (400, "PGRST100")
    return caught.value.body.message, caught.value.body.details


def operation(value: str) -> Operation:
    (condition,) = read_query(f"a={value}").where
    assert isinstance(condition, Condition)
    return condition.operation


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("eq.a.b,c", Operation("eq", "a.b,c")),
        ("not.eq.5", Operation("eq", "5", negated=True)),
        ("neq.5", Operation("neq", "5")),
        ("lte.5", Operation("lte", "5")),
        ("like(any).{a*,b}", Operation("like", "{a*,b}", quantifier="any")),
        ("imatch(all).{a,b}", Operation("imatch", "{a,b}", quantifier="all")),
        ("is.NULL", Operation("is", "null")),
        ("is.not_null", Operation("is", "not_null")),
        ("isdistinct.5", Operation("isdistinct", "5")),
        ("cs.{1,2}", Operation("cs", "{1,2}")),
        ("fts(english).cat", Operation("fts", "cat")),
        ("in.(1, 2)", Operation("in", ("1", " 2"))),
        ("in.()", Operation("in", ("",))),
        ('in.("a,b",c)', Operation("in", ("a,b", "c"))),
        (r'in.("a\"b","\\")', Operation("in", ('a"b', "\\"))),
        ('in.("a"b,c)', Operation("in", ('"a"b', "c"))),
        ("eq.a%20b%2Bc+d", Operation("eq", "a b+c d")),
        ("eq.", Operation("eq", "")),
    ],
)
def test_a_filter_is_an_operator_and_its_operand(value: str, meant: Operation) -> None:
    """A filter is read by PostgREST's rules of operators, lists and quotes."""
    assert operation(value) == meant


def test_groups_hold_conditions_and_groups() -> None:
    """In a group, a value ends at a comma or a bracket unless it is quoted or an array."""
    query = 'or=(a.eq."x,y)",not.and(b.in.(1,2),c.cs.{1,2}),d->>e.not.is.null)'
    assert read_query(query).where == (
        Group(
            negated=False,
            any=True,
            parts=(
                Condition(Field("a"), Operation("eq", "x,y)")),
                Group(
                    negated=True,
                    any=False,
                    parts=(
                        Condition(Field("b"), Operation("in", ("1", "2"))),
                        Condition(Field("c"), Operation("cs", "{1,2}")),
                    ),
                ),
                Condition(
                    Field("d", (Arrow("e", as_text=True),)), Operation("is", "null", negated=True)
                ),
            ),
        ),
    )


def test_a_group_may_be_negated_by_its_name() -> None:
    """`not.and` as a parameter's name negates the group."""
    (group,) = read_query("not.and=(a.eq.1,b.eq.2)").where
    assert isinstance(group, Group)
    assert (group.negated, group.any) == (True, False)


def test_a_select_list_has_fields_aliases_and_casts() -> None:
    """A select list names fields, their aliases and casts, aggregates and other tables."""
    query = "select=*,id, b:data->c->0->>d::int,data->-1,count(),size.sum(),messages(id),...m(id)"
    assert read_query(query).select == (
        Star(),
        Selected(Field("id")),
        Selected(Field("data", (Arrow("c", False), Arrow(0, False), Arrow("d", True))), "b", "int"),
        Selected(Field("data", (Arrow(-1, False),))),
        Aggregate(),
        Aggregate(),
        Embedding("messages"),
        Embedding("m"),
    )


def test_without_a_select_list_everything_is_selected() -> None:
    """No `select` is `*`; an empty one is nothing."""
    assert read_query("").select == (Star(),)
    assert read_query("select=").select == ()


def test_order_puts_nulls_where_postgres_does() -> None:
    """Nulls count as larger than all values unless the order says otherwise."""
    query = "order=a,b.desc,c.asc.nullsfirst,d.desc.nullslast,e.nullsfirst"
    assert read_query(query).order == (
        OrderTerm(Field("a"), descending=False, nulls_first=False),
        OrderTerm(Field("b"), descending=True, nulls_first=True),
        OrderTerm(Field("c"), descending=False, nulls_first=True),
        OrderTerm(Field("d"), descending=True, nulls_first=False),
        OrderTerm(Field("e"), descending=False, nulls_first=True),
    )


def test_names_may_be_quoted() -> None:
    """A name in quotes may hold what else has a meaning; dashes and spaces need no quotes."""
    query = read_query('select="a.b",c-d,e f&columns="x,y",z&on_conflict=id, other')
    assert query.select == (Selected(Field("a.b")), Selected(Field("c-d")), Selected(Field("e f")))
    assert query.columns == ("x,y", "z")
    assert query.on_conflict == ("id", "other")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=5&offset=-3", (5, -3)),
        ("limit=five&offset=1.5", (None, None)),
        ("limit=1&limit=2", (2, None)),
    ],
)
def test_limit_and_offset_are_numbers_or_nothing(
    query: str, expected: tuple[int | None, int | None]
) -> None:
    """What is no number is passed over; of several the last one counts."""
    found = read_query(query)
    assert (found.limit, found.offset) == expected


def test_the_gateways_parameter_is_no_filter() -> None:
    """`apikey` in the query is the gateway's, and a parameter without `=` is nobody's."""
    assert read_query("apikey=abc&a").where == ()


def test_the_canonical_query_is_sorted() -> None:
    """The canonical query has its parameters sorted by name, and encoded."""
    query: Query = read_query("select=id&b=eq.x%20y&a=eq.1")
    assert query.canonical == "a=eq.1&b=eq.x+y&select=id"


@pytest.mark.parametrize("query", ["m.id=eq.1", "m.order=id", "m.limit=1", "m.or=(id.eq.1)"])
def test_another_table_must_be_embedded_first(query: str) -> None:
    """A filter, order or limit of a table that is not embedded is PGRST108."""
    with pytest.raises(RestError) as caught:
        read_query(query)
    assert caught.value.body.code == "PGRST108"
    assert caught.value.body.message == "'m' is not an embedded resource in this request"
    hint = "Verify that 'm' is included in the 'select' query parameter."
    assert caught.value.body.hint == hint


OPERATOR = "operator (eq, gt, ...)"
NAME = "field name (* or [a..z0..9_$])"
PART = f"{NAME}, negation operator (not) or logic operator (and, or)"
IS = "isVal: (null, not_null, true, false, unknown)"


@pytest.mark.parametrize(
    ("value", "column", "details"),
    [
        ("noop.0", 1, f'unexpected "o" expecting "not" or {OPERATOR}'),
        ("0", 1, f'unexpected "0" expecting "not" or {OPERATOR}'),
        ("", 1, f'unexpected end of input expecting "not" or {OPERATOR}'),
        ("eq().1", 4, f'unexpected ")" expecting {OPERATOR}'),
        ("eq", 3, f"unexpected end of input expecting {OPERATOR}"),
        ("is().1", 3, f'unexpected "(" expecting {OPERATOR}'),
        ("fts().1", 5, f'unexpected ")" expecting {OPERATOR}'),
        ("is.nope", 6, f'unexpected "p" expecting {IS}'),
        ("in.1", 4, 'unexpected "1" expecting "("'),
        ("in.(1", 6, 'unexpected end of input expecting "," or ")"'),
    ],
)
def test_a_bad_filter_is_complained_about(value: str, column: int, details: str) -> None:
    """A complaint names the place and all that would have been right there (PostgREST's tests)."""
    message = f'"failed to parse filter ({value})" (line 1, column {column})'
    assert complaint(f"a={value}") == (message, details)


@pytest.mark.parametrize(
    ("value", "column", "details"),
    [
        ("()", 4, f'unexpected ")" expecting {PART}'),
        ("(())", 4, f'unexpected "(" expecting {PART}'),
        ("(id.in.1,2,id.eq.3)", 10, 'unexpected "1" expecting "("'),
        (")(", 3, 'unexpected ")" expecting "("'),
        ("(or)", 6, 'unexpected ")" expecting "("'),
        ("(a.eq.1,not.xor(a.eq.2))", 15, 'unexpected "x" expecting logic operator (and, or)'),
    ],
)
def test_a_bad_group_is_complained_about(value: str, column: int, details: str) -> None:
    """The complaint shows what the client wrote, and counts the name of the group too."""
    message = f'"failed to parse logic tree ({value})" (line 1, column {column})'
    assert complaint(f"or={value}") == (message, details)


@pytest.mark.parametrize(
    ("value", "column", "details"),
    [
        ("id.ac", 4, 'unexpected "c" expecting "asc", "desc", "nullsfirst" or "nullslast"'),
        ("id.descc", 8, "unexpected 'c' expecting delimiter (.), \",\" or end of input"),
        ("id.asc.nlsfst", 8, 'unexpected "l" expecting "nullsfirst" or "nullslast"'),
        ("id.asc.nullslasttt", 17, "unexpected 't' expecting \",\" or end of input"),
        (
            "m(id,b)",
            2,
            'unexpected \'(\' expecting letter, digit, "-", "->>", "->", delimiter (.), "," '
            "or end of input",
        ),
    ],
)
def test_a_bad_order_is_complained_about(value: str, column: int, details: str) -> None:
    """An order that goes on wrongly is complained about where it does."""
    message = f'"failed to parse order ({value})" (line 1, column {column})'
    assert complaint(f"order={value}") == (message, details)


@pytest.mark.parametrize(
    ("value", "column", "details"),
    [
        ("data->>--34", 9, 'unexpected "-" expecting digit'),
        (
            "data->(a->>b::integer",
            7,
            'unexpected "(" expecting "-", digit or any non reserved character '
            "different from: .,>()",
        ),
        (
            "data->>-78xy",
            11,
            'unexpected \'x\' expecting digit, "->", "::", ".", "," or end of input',
        ),
        ("name::", 7, "unexpected end of input expecting letter or digit"),
        ("*!hint", 2, 'unexpected \'!\' expecting ")", "," or end of input'),
        (
            "name!hint",
            5,
            'unexpected \'!\' expecting letter, digit, "-", "->>", "->", "::", ".", ")", "," '
            "or end of input",
        ),
    ],
)
def test_a_bad_select_list_is_complained_about(value: str, column: int, details: str) -> None:
    """A select list that goes on wrongly is complained about where it does."""
    message = f'"failed to parse select parameter ({value})" (line 1, column {column})'
    assert complaint(f"select={value}") == (message, details)


def test_empty_columns_are_complained_about() -> None:
    """`columns=` names none, which is no list of names."""
    assert complaint("columns=") == (
        '"failed to parse columns parameter ()" (line 1, column 1)',
        f"unexpected end of input expecting {NAME}",
    )


def test_lines_and_odd_characters_are_counted_and_shown() -> None:
    """A complaint counts lines, and shows what is not ASCII as Haskell does."""
    assert complaint("or=(a.eq.1%0A,!)") == (
        '"failed to parse logic tree ((a.eq.1\n,!))" (line 2, column 2)',
        f'unexpected "!" expecting {PART}',
    )
    assert complaint("order=%0A")[1] == f'unexpected "\\n" expecting {NAME}'
    _, details = complaint("order=a.%C3%A9")
    assert details is not None
    assert details.startswith('unexpected "\\233" expecting')


def test_nesting_has_an_end() -> None:
    """Groups nested without an end are a bad query, not a crash."""
    complaint("or=" + "(or" * 5000 + "(a.eq.1)" + ")" * 5000)
    complaint("select=" + "m(" * 5000 + ")" * 5000)
