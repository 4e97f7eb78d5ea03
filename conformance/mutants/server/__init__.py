"""Mutants of the fake ChatEngine, by what they deviate in."""

from typing import Final

from conformance.mutants.mutant import mutants_of
from conformance.mutants.server import (
    admission,
    history,
    hostility,
    isolation,
    lawful,
    messages,
    protocol,
    sending,
    status,
    subscriptions,
)

__all__ = ["MUTANTS", "PROGRAM"]

MUTANTS: Final = mutants_of(
    admission,
    subscriptions,
    isolation,
    messages,
    status,
    sending,
    history,
    hostility,
    protocol,
    lawful,
)

PROGRAM: Final = "fakes.chatengine"
