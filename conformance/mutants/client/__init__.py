"""Mutants of the reference client, by what they deviate in."""

from typing import Final

from conformance.mutants.client import (
    connection,
    conversations,
    fallback,
    lawful,
    messages,
    sending,
    status,
    subscriptions,
    watching,
)
from conformance.mutants.mutant import mutants_of

__all__ = ["MUTANTS", "PROGRAM"]

MUTANTS: Final = mutants_of(
    connection, subscriptions, messages, status, conversations, sending, fallback, watching, lawful
)

PROGRAM: Final = "chatengine.client.adapter"
