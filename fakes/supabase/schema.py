"""Tables: their columns, types and defaults; the contract's two, or any others given as JSON."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from fakes.supabase import types

__all__ = ["CONTRACT", "SCHEMA", "Column", "SchemaError", "Table", "read_tables"]

SCHEMA: Final = "public"
"""The only schema there is."""

Generated = Literal["now", "uuid", "serial"]


class SchemaError(ValueError):
    """A description of tables that cannot be used; its text is the sentence to show."""


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """A column; `type` is a Postgres name (`text`, `uuid`, `timestamptz`, `int8`, `_text`, ...).

    `default` is a literal; `generated` what the database makes up instead: the moment, a UUID, or
    the next number.
    """

    name: str
    type: str = "text"
    nullable: bool = True
    default: Any = None
    generated: Generated | None = None


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of schema `public`.

    A row belongs to the workspace that `workspace_column` names; without one, whoever may read
    the table may read every row. `published`: whether Realtime tells of its changes.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ("id",)
    workspace_column: str | None = None
    published: bool = True

    def column(self, name: str) -> Column | None:
        """Return a column by its name."""
        return next((each for each in self.columns if each.name == name), None)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(each.name for each in self.columns)

    def key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """Return the values of the primary key of a row."""
        return tuple(row[name] for name in self.primary_key)


def read_tables(text: str | bytes) -> tuple[Table, ...]:
    """Read a JSON list of tables; raises `SchemaError`."""
    try:
        tables = msgspec.json.decode(text, type=tuple[Table, ...])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise SchemaError(f"not the JSON of tables: {error}") from None
    for table in tables:
        _check(table)
    if len({table.name for table in tables}) < len(tables):
        raise SchemaError("two tables have one name")
    return tables


def _check(table: Table) -> None:
    names = table.column_names
    if len(set(names)) < len(names):
        raise SchemaError(f"{table.name} has two columns of one name")
    for column in table.columns:
        if not types.is_known(column.type):
            raise SchemaError(f"{table.name}.{column.name} has an unknown type: {column.type}")
    if not table.primary_key:
        raise SchemaError(f"{table.name} has no primary key")
    needed = (
        table.primary_key
        if table.workspace_column is None
        else (
            *table.primary_key,
            table.workspace_column,
        )
    )
    for name in needed:
        if name not in names:
            raise SchemaError(f"{table.name} has no column {name}")


GENERATORS: Final[dict[str, Callable[[], str]]] = {
    "now": lambda: types.read_text("timestamptz", datetime.now(UTC).isoformat()),
    "uuid": lambda: str(uuid.uuid4()),
}
"""What the database makes up by itself, but for the numbers, which each table counts."""

_ID: Final = Column("id", "uuid", nullable=False, generated="uuid")
_CREATED: Final = Column("created_at", "timestamptz", nullable=False, generated="now")

CONTRACT: Final = (
    Table(
        "messages",
        (
            _ID,
            Column("workspace_id", nullable=False),
            Column("conversation_id", nullable=False),
            Column("whatsapp_number_id"),
            Column("sent_by_user_id"),
            Column("body"),
            Column("type", nullable=False, default="text"),
            Column("status", nullable=False, default="sending"),
            Column("is_outgoing", "bool", nullable=False, default=False),
            Column("media_url"),
            Column("external_id"),
            Column("client_message_id"),
            Column("error_message"),
            Column("reply_to_id"),
            Column("quoted_message", "jsonb"),
            _CREATED,
        ),
        workspace_column="workspace_id",
    ),
    Table(
        "conversations",
        (
            Column("id", nullable=False, generated="uuid"),
            Column("workspace_id", nullable=False),
            Column("contact_id"),
            Column("whatsapp_number_id"),
            Column("last_message_at", "timestamptz"),
            Column("unread_count", "int4", nullable=False, default=0),
            Column("is_typing", "bool", nullable=False, default=False),
            Column("is_group", "bool", nullable=False, default=False),
            Column("remote_jid"),
            _CREATED,
            Column("updated_at", "timestamptz", nullable=False, generated="now"),
        ),
        primary_key=("id", "workspace_id"),
        workspace_column="workspace_id",
    ),
)
"""The tables of the contract, section 6.

A conversation's id may be a JID, so it is text; and as two workspaces may talk to one customer, it
takes the workspace to tell their conversations apart.
"""
