"""The registry: a requirement by its id."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from conformance.requirements.clauses import Level, Requirement, Side
from conformance.requirements.client import CLIENT
from conformance.requirements.server import SERVER

__all__ = ["REQUIREMENTS", "Level", "Requirement", "Side", "UnknownRequirement", "requirement"]

REQUIREMENTS: Final[Mapping[str, Requirement]] = MappingProxyType(
    {one.id: one for one in (*SERVER, *CLIENT)}
)
"""All requirements by id, the server's first, each side in the contract's order."""


class UnknownRequirement(ValueError):
    """An id that the contract does not have; `str` is one sentence, with the nearest it has."""

    def __init__(self, unknown: str) -> None:
        super().__init__(unknown)
        self.unknown = unknown

    def __str__(self) -> str:
        near = difflib.get_close_matches(self.unknown.upper(), REQUIREMENTS, n=1, cutoff=0.75)
        meant = f"; {near[0]} is the nearest" if near else ""
        return f"The contract has no requirement {self.unknown[:40]}{meant}."


def requirement(identifier: str) -> Requirement:
    """The requirement of that id; raises UnknownRequirement."""
    try:
        return REQUIREMENTS[identifier]
    except KeyError:
        raise UnknownRequirement(identifier) from None
