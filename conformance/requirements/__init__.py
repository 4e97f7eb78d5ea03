"""Every requirement of the contract's sections 7 and 8, each with its clause word for word."""

from conformance.requirements.registry import (
    REQUIREMENTS,
    Level,
    Requirement,
    Side,
    UnknownRequirement,
    requirement,
)

__all__ = ["REQUIREMENTS", "Level", "Requirement", "Side", "UnknownRequirement", "requirement"]
