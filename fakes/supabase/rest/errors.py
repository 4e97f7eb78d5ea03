"""What the REST interface answers when it refuses: PostgREST's codes, statuses and sentences.

The wording is that of PostgREST's `Error.hs`, and of PostgreSQL for the codes of five characters.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from fakes.supabase.errors import DatabaseError

__all__ = [
    "ErrorBody",
    "RestError",
    "aggregates_disabled",
    "bad_body",
    "bad_path",
    "bad_preferences",
    "bad_query",
    "bad_token",
    "bad_token_claim",
    "from_database",
    "method_not_allowed",
    "no_column",
    "no_embedding",
    "no_function",
    "no_relationship",
    "no_right",
    "no_root",
    "no_schema_cache",
    "no_table",
    "no_where",
    "no_written_column",
    "not_acceptable",
    "not_offered",
    "not_one_row",
    "other_schema",
    "out_of_range",
    "refused_by_policy",
    "too_deep",
    "too_many_affected",
    "unknown_role",
]

_NOTHING: Final[Mapping[str, str]] = {}

_STATUS_OF_STATE: Final = {
    "21000": HTTPStatus.INTERNAL_SERVER_ERROR,
    "23503": HTTPStatus.CONFLICT,
    "23505": HTTPStatus.CONFLICT,
    "42883": HTTPStatus.NOT_FOUND,
    "42P01": HTTPStatus.NOT_FOUND,
}
"""PostgREST's status for an SQLSTATE; 400 where it is not among them."""


class ErrorBody(Struct, frozen=True):
    """The body of an error, its fields in PostgREST's order."""

    code: str
    details: str | None
    hint: str | None
    message: str


class RestError(Exception):
    """A request refused: HTTP status, PostgREST's body and further headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] = _NOTHING,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.body = ErrorBody(code, details, hint, message)
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status} {self.body.code}: {self.body.message}"


def bad_query(message: str, details: str) -> RestError:
    """PGRST100: a parameter of the query that cannot be read."""
    return RestError(HTTPStatus.BAD_REQUEST, "PGRST100", message, details=details)


def bad_body(message: str) -> RestError:
    """PGRST102: a body that cannot be read as rows."""
    return RestError(HTTPStatus.BAD_REQUEST, "PGRST102", message)


def out_of_range(details: str, headers: Mapping[str, str] = _NOTHING) -> RestError:
    """PGRST103: a range that cannot be had; `details` says which and why."""
    return RestError(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "PGRST103",
        "Requested range not satisfiable",
        details=details,
        headers=headers,
    )


def other_schema(name: str, exposed: str) -> RestError:
    """PGRST106: a schema, asked for in a profile header, that is not exposed."""
    return RestError(
        HTTPStatus.NOT_ACCEPTABLE,
        "PGRST106",
        f"Invalid schema: {name}",
        hint=f"Only the following schemas are exposed: {exposed}",
    )


def not_acceptable(accepted: Iterable[str]) -> RestError:
    """PGRST107: no media type of `Accept` can be had."""
    types = ", ".join(accepted)
    message = f"None of these media types are available: {types}"
    return RestError(HTTPStatus.NOT_ACCEPTABLE, "PGRST107", message)


def no_embedding(resource: str) -> RestError:
    """PGRST108: a filter or order on a table that the select list does not embed."""
    return RestError(
        HTTPStatus.BAD_REQUEST,
        "PGRST108",
        f"'{resource}' is not an embedded resource in this request",
        hint=f"Verify that '{resource}' is included in the 'select' query parameter.",
    )


def not_one_row(count: int) -> RestError:
    """PGRST116: `.single()` and `.maybeSingle()` where there is not exactly one row."""
    return RestError(
        HTTPStatus.NOT_ACCEPTABLE,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        details=f"The result contains {count} rows",
    )


def method_not_allowed(method: str) -> RestError:
    """PGRST117: a method that a table does not know."""
    message = f"Unsupported HTTP method: {method}"
    return RestError(HTTPStatus.METHOD_NOT_ALLOWED, "PGRST117", message)


def bad_preferences(names: Iterable[str]) -> RestError:
    """PGRST122: unknown preferences together with `handling=strict`."""
    return RestError(
        HTTPStatus.BAD_REQUEST,
        "PGRST122",
        "Invalid preferences given with handling=strict",
        details=f"Invalid preferences: {', '.join(names)}",
    )


def too_many_affected(count: int) -> RestError:
    """PGRST124: a change of more rows than `max-affected` allows."""
    return RestError(
        HTTPStatus.BAD_REQUEST,
        "PGRST124",
        "Query result exceeds max-affected preference constraint",
        details=f"The query affects {count} rows",
    )


def bad_path() -> RestError:
    """PGRST125: a path below a table."""
    return RestError(HTTPStatus.NOT_FOUND, "PGRST125", "Invalid path specified in request URL")


def not_offered(details: str) -> RestError:
    """PGRST127: something of PostgREST that this fake leaves out."""
    return RestError(HTTPStatus.BAD_REQUEST, "PGRST127", "Feature not implemented", details=details)


def no_relationship(parent: str, child: str, schema: str) -> RestError:
    """PGRST200: an embedding; the tables of the fake have no foreign keys."""
    return RestError(
        HTTPStatus.BAD_REQUEST,
        "PGRST200",
        f"Could not find a relationship between '{parent}' and '{child}' in the schema cache",
        details=(
            f"Searched for a foreign key relationship between '{parent}' and '{child}' "
            f"in the schema '{schema}', but no matches were found."
        ),
    )


def no_function(schema: str, name: str) -> RestError:
    """PGRST202: a call of a database function; the fake has none."""
    function = f"{schema}.{name}"
    return RestError(
        HTTPStatus.NOT_FOUND,
        "PGRST202",
        f"Could not find the function {function} without parameters in the schema cache",
        details=(
            f"Searched for the function {function} without parameters, "
            "but no matches were found in the schema cache."
        ),
    )


def no_written_column(table: str, column: str) -> RestError:
    """PGRST204: a column in a body, or in `columns`, that the table does not have."""
    return RestError(
        HTTPStatus.BAD_REQUEST,
        "PGRST204",
        f"Could not find the '{column}' column of '{table}' in the schema cache",
    )


def no_table(schema: str, name: str, near: str | None) -> RestError:
    """PGRST205: an unknown table; `near` is a known one with a name much like it."""
    return RestError(
        HTTPStatus.NOT_FOUND,
        "PGRST205",
        f"Could not find the table '{schema}.{name}' in the schema cache",
        hint=None if near is None else f"Perhaps you meant the table '{schema}.{near}'",
    )


def bad_token(message: str, details: str | None = None) -> RestError:
    """PGRST301: a bearer token that cannot be read or is not signed with our secret."""
    return _unauthorized("PGRST301", message, details)


def bad_token_claim(message: str) -> RestError:
    """PGRST303: a well signed token whose claims forbid its use, an expired one for instance."""
    return _unauthorized("PGRST303", message, None)


def unknown_role(role: str) -> RestError:
    """22023: a token for a role that the database does not know."""
    return RestError(
        HTTPStatus.UNAUTHORIZED,
        "22023",
        f'role "{role}" does not exist',
        headers={"WWW-Authenticate": "Bearer"},
    )


def _unauthorized(code: str, message: str, details: str | None) -> RestError:
    challenge = f'Bearer error="invalid_token", error_description="{message}"'
    return RestError(
        HTTPStatus.UNAUTHORIZED,
        code,
        message,
        details=details,
        headers={"WWW-Authenticate": challenge},
    )


def no_column(table: str, column: str) -> RestError:
    """42703: a column in a filter, an order or a select list that the table does not have."""
    message = f"column {table}.{column} does not exist"
    return RestError(HTTPStatus.BAD_REQUEST, "42703", message)


def refused_by_policy(table: str, *, anonymous: bool, existing: bool = False) -> RestError:
    """42501: a row for another workspace, or (`existing`) an upsert over a row of another one."""
    which = " (USING expression)" if existing else ""
    message = f'new row violates row-level security policy{which} for table "{table}"'
    return _insufficient(message, anonymous=anonymous)


def _insufficient(message: str, *, anonymous: bool) -> RestError:
    """Answer 401 to who has not signed in, who might do better then, and 403 to everybody else."""
    return RestError(
        HTTPStatus.UNAUTHORIZED if anonymous else HTTPStatus.FORBIDDEN,
        "42501",
        message,
        headers={"WWW-Authenticate": "Bearer"} if anonymous else _NOTHING,
    )


def aggregates_disabled() -> RestError:
    """PGRST123: `count()` and its kin in a select list, which Supabase has switched off."""
    message = "Use of aggregate functions is not allowed"
    return RestError(HTTPStatus.BAD_REQUEST, "PGRST123", message)


def no_right(table: str, *, anonymous: bool) -> RestError:
    """42501: a role that has no right to the table at all."""
    return _insufficient(f"permission denied for table {table}", anonymous=anonymous)


def no_where(statement: str) -> RestError:
    """21000: a change of every row, which Supabase's safeupdate does not let through."""
    message = f"{statement} requires a WHERE clause"
    return RestError(HTTPStatus.BAD_REQUEST, "21000", message)


def from_database(error: DatabaseError) -> RestError:
    """Return what PostgREST makes of an error of Postgres: its status goes by the SQLSTATE."""
    return RestError(
        _STATUS_OF_STATE.get(error.code, HTTPStatus.BAD_REQUEST),
        error.code,
        error.message,
        details=error.details,
        hint=error.hint,
    )


def no_schema_cache() -> RestError:
    """PGRST002: PostgREST has lost its database."""
    message = "Could not query the database for the schema cache. Retrying."
    return RestError(HTTPStatus.SERVICE_UNAVAILABLE, "PGRST002", message)


def no_root() -> RestError:
    """PGRST126: the description of all tables, at the root."""
    return RestError(HTTPStatus.NOT_FOUND, "PGRST126", "Root endpoint metadata is disabled")


def too_deep() -> RestError:
    """54001: JSON within JSON without an end."""
    return RestError(HTTPStatus.BAD_REQUEST, "54001", "stack depth limit exceeded")
