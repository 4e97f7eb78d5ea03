"""Mutants of the fake ChatEngine, by what they deviate in."""

from typing import Final

from conformance.mutants.mutant import mutants_of
from conformance.mutants.server import (
    acknowledgements,
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
    webhook,
)

__all__ = ["MUTANTS", "PROGRAM"]

MUTANTS: Final = mutants_of(
    admission,
    subscriptions,
    isolation,
    messages,
    webhook,
    status,
    sending,
    history,
    hostility,
    protocol,
    acknowledgements,
    lawful,
)

PROGRAM: Final = "fakes.chatengine"
