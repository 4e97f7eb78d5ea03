"""Rows in memory, and whoever listens to their changes.

Values are checked against the columns' types and kept as JSON has them (see `types`). Every call
is one transaction: it is done as a whole, its changes told one by one, or it raises
`DatabaseError` and nothing happened.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from fakes.supabase import types
from fakes.supabase.errors import DatabaseError
from fakes.supabase.schema import CONTRACT, GENERATORS, Column, Table

__all__ = ["Change", "ChangeKind", "Check", "Conflict", "Database", "DatabaseError", "Row"]

Row: TypeAlias = dict[str, Any]
ChangeKind = Literal["INSERT", "UPDATE", "DELETE"]
Conflict = Literal["error", "merge", "ignore"]

_MS: Final = 1000


class Change(Struct, frozen=True):
    """One row changed: `record` is it now (None: deleted), `old_record` before (None: new).

    Both are whole rows. `commit_ms` counts from the epoch.
    """

    kind: ChangeKind
    table: Table
    record: Row | None
    old_record: Row | None
    commit_ms: int


Check: TypeAlias = Callable[[Sequence[Change]], None]
"""Looks at all that a statement is about to change; what it raises undoes the statement."""


class _Contents:
    """The rows of one table by primary key, in the order of entry."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: dict[tuple[Any, ...], Row] = {}
        self.last_number = 0


class Database:
    """Tables and their rows; each table keeps its newest `most_rows`. `clock` gives seconds.

    Rows that come back are the database's own: they are read, never written to. A changed row is
    a new one.
    """

    def __init__(
        self,
        tables: Iterable[Table] = CONTRACT,
        *,
        most_rows: int = 200_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._contents = {table.name: _Contents(table) for table in tables}
        self._most_rows = most_rows
        self._clock = clock
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Tell `listener` of every change from now on, within the call that makes it."""
        self._listeners.append(listener)

    # questions

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables, in the order in which they were given."""
        return tuple(each.table for each in self._contents.values())

    def table(self, name: str) -> Table | None:
        """Return a table by its name."""
        contents = self._contents.get(name)
        return None if contents is None else contents.table

    def rows(self, table: str) -> list[Row]:
        """Return all rows, in the order of entry. Raises `DatabaseError` (42P01)."""
        return list(self._find(table).rows.values())

    def get(self, table: str, *key: Any) -> Row | None:
        """Return the row with that primary key. Raises `DatabaseError` (42P01)."""
        return self._find(table).rows.get(key)

    # changes

    def insert(
        self,
        table: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        conflict: Conflict = "error",
        on: Sequence[str] | None = None,
        check: Check | None = None,
    ) -> list[Row]:
        """Insert rows; what a row does not name gets its default. Returns the rows as they stand.

        Where a row with the same values of `on` (the primary key) is there, `error` raises 23505,
        `merge` changes what the new one names, `ignore` leaves it (it is not returned). Raises
        `DatabaseError`: 42P01, 42703, 23502, 23505, 21000 and what a type says of its value.
        """
        contents = self._find(table)
        wanted = tuple(on or contents.table.primary_key)
        _check_names(contents.table, wanted)
        planned: dict[tuple[Any, ...], Change] = {}
        for given in rows:
            change = self._planned(contents, given, conflict, wanted, planned)
            if change is not None:
                planned[contents.table.key(change.record or {})] = change
        self._commit(contents, planned.values(), check)
        return [change.record for change in planned.values() if change.record is not None]

    def update(
        self,
        table: str,
        where: Callable[[Row], object],
        values: Mapping[str, Any],
        *,
        check: Check | None = None,
    ) -> list[Row]:
        """Change the rows for which `where` is true; returns them as they are now.

        Raises `DatabaseError` as `insert` does.
        """
        contents = self._find(table)
        found = [row for row in contents.rows.values() if where(row)]
        return self._update(contents, found, values, check)

    def update_row(self, table: str, key: tuple[Any, ...], values: Mapping[str, Any]) -> Row | None:
        """Change the row with that primary key, which is found at once; None where there is none.

        Raises `DatabaseError` as `insert` does.
        """
        contents = self._find(table)
        known = contents.rows.get(key)
        return None if known is None else self._update(contents, [known], values, None)[0]

    def delete(
        self, table: str, where: Callable[[Row], object], *, check: Check | None = None
    ) -> list[Row]:
        """Delete the rows for which `where` is true; returns them. Raises `DatabaseError`."""
        contents = self._find(table)
        now = self._now_ms()
        found = [row for row in contents.rows.values() if where(row)]
        gone = [Change("DELETE", contents.table, None, row, now) for row in found]
        self._commit(contents, gone, check)
        return found

    def _find(self, name: str) -> _Contents:
        contents = self._contents.get(name)
        if contents is None:
            raise DatabaseError("42P01", f'relation "public.{name}" does not exist')
        return contents

    def _now_ms(self) -> int:
        return int(self._clock() * _MS)

    def _planned(
        self,
        contents: _Contents,
        given: Mapping[str, Any],
        conflict: Conflict,
        on: tuple[str, ...],
        planned: Mapping[tuple[Any, ...], Change],
    ) -> Change | None:
        table = contents.table
        read = _read(table, given)
        row = {column.name: self._value(contents, column, read) for column in table.columns}
        _check_nulls(table, row)
        if _among(planned, table, row, on):
            if conflict == "merge":
                raise DatabaseError(
                    "21000", "ON CONFLICT DO UPDATE command cannot affect row a second time"
                )
            if conflict == "ignore":
                return None
            raise _duplicate(table, on, row)
        known = _known(contents, row, on)
        if known is None and table.key(row) in contents.rows:
            raise _duplicate(table, table.primary_key, row)
        if known is None:
            return Change("INSERT", table, row, None, self._now_ms())
        if conflict == "merge":
            return self._updated(table, known, read)
        if conflict == "ignore":
            return None
        raise _duplicate(table, on, row)

    def _value(self, contents: _Contents, column: Column, read: Row) -> Any:
        if column.name in read:
            return read[column.name]
        if column.generated == "serial":
            contents.last_number += 1
            return contents.last_number
        if column.generated is not None:
            return GENERATORS[column.generated]()
        return column.default

    def _update(
        self,
        contents: _Contents,
        found: Sequence[Row],
        values: Mapping[str, Any],
        check: Check | None,
    ) -> list[Row]:
        read = _read(contents.table, values)
        changes = [self._updated(contents.table, row, read) for row in found]
        keys = {contents.table.key(change.record or {}) for change in changes}
        old_keys = {contents.table.key(row) for row in found}
        if len(keys) < len(changes) or any(key in contents.rows for key in keys - old_keys):
            raise _duplicate(contents.table, contents.table.primary_key, read)
        self._commit(contents, changes, check)
        return [change.record for change in changes if change.record is not None]

    def _updated(self, table: Table, row: Row, read: Row) -> Change:
        new = row | read
        _check_nulls(table, new)
        return Change("UPDATE", table, new, row, self._now_ms())

    def _commit(self, contents: _Contents, changes: Iterable[Change], check: Check | None) -> None:
        done = list(changes)
        if check is not None:
            check(done)
        for change in done:
            self._apply(contents, change)
        while len(contents.rows) > self._most_rows:
            del contents.rows[next(iter(contents.rows))]  # forgotten, not deleted: nobody is told
        for change in done:
            for listener in self._listeners:
                listener(change)

    @staticmethod
    def _apply(contents: _Contents, change: Change) -> None:
        key = contents.table.key
        if change.old_record is not None and (
            change.record is None or key(change.record) != key(change.old_record)
        ):
            del contents.rows[key(change.old_record)]
        if change.record is not None:
            contents.rows[key(change.record)] = change.record


def _read(table: Table, given: Mapping[str, Any]) -> Row:
    """Check names and types of what a statement gives; raises `DatabaseError`."""
    read = {}
    for name, value in given.items():
        column = table.column(name)
        if column is None:
            raise DatabaseError(
                "42703", f'column "{name}" of relation "{table.name}" does not exist'
            )
        read[name] = types.read_json(column.type, value)
    return read


def _check_names(table: Table, names: Iterable[str]) -> None:
    for name in names:
        if table.column(name) is None:
            raise DatabaseError("42703", f'column "{name}" does not exist')


def _check_nulls(table: Table, row: Row) -> None:
    for column in table.columns:
        if row[column.name] is None and not (
            column.nullable and column.name not in table.primary_key
        ):
            raise DatabaseError(
                "23502",
                f'null value in column "{column.name}" of relation "{table.name}" '
                "violates not-null constraint",
            )


def _known(contents: _Contents, row: Row, on: tuple[str, ...]) -> Row | None:
    if on == contents.table.primary_key:
        return contents.rows.get(contents.table.key(row))
    return next((each for each in contents.rows.values() if _same(row, each, on)), None)


def _among(
    planned: Mapping[tuple[Any, ...], Change], table: Table, row: Row, on: tuple[str, ...]
) -> bool:
    """Whether a row collides with one that the same statement brings."""
    if on == table.primary_key:
        return table.key(row) in planned
    return any(_same(row, change.record or {}, on) for change in planned.values())


def _same(row: Row, other: Row, on: tuple[str, ...]) -> bool:
    """Whether two rows collide; a null never does."""
    return all(row[name] is not None and row[name] == other[name] for name in on)


def _duplicate(table: Table, on: tuple[str, ...], row: Row) -> DatabaseError:
    values = ", ".join(str(row.get(name)) for name in on)
    return DatabaseError(
        "23505",
        f'duplicate key value violates unique constraint "{table.name}_pkey"',
        details=f"Key ({', '.join(on)})=({values}) already exists.",
    )
