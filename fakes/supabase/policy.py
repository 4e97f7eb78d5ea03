"""Who may read and write what: grants by role, and rows by workspace (row-level security)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fakes.supabase.keys import Claims
from fakes.supabase.schema import Table

__all__ = ["ROLES", "Policy"]

ROLES: Final = ("anon", "authenticated", "service_role")
"""The roles of a Supabase project that a token may name."""


class Policy:
    """The rules: a role may use every table but those revoked from it.

    `service_role` goes past the rows' rule, as its role in Postgres has `bypassrls`. Everybody
    else sees and writes the rows of their token's workspace alone; a table without a workspace
    column is open to all who may use it.
    """

    def __init__(self, revoked: Iterable[tuple[str, str]] = ()) -> None:
        self._revoked = set(revoked)

    def revoke(self, role: str, table: str) -> None:
        """Take a role's right to a table."""
        self._revoked.add((role, table))

    def grant(self, role: str, table: str) -> None:
        """Give a role its right to a table back."""
        self._revoked.discard((role, table))

    @property
    def revoked(self) -> tuple[tuple[str, str], ...]:
        """What is revoked: pairs of role and table."""
        return tuple(sorted(self._revoked))

    def may_use(self, claims: Claims, table: Table) -> bool:
        """Whether the role has a right to the table at all (else 42501, or error 401)."""
        return claims.role in ROLES and (claims.role, table.name) not in self._revoked

    def sees(self, claims: Claims, table: Table, row: Mapping[str, Any]) -> bool:
        """Whether a row is one that this token may see, and may write."""
        if claims.role == "service_role" or table.workspace_column is None:
            return True
        owner = row[table.workspace_column]
        return claims.workspace_id is not None and str(owner) == claims.workspace_id
