"""`@shows("S-SUB-1")`: what makes a test function a check, and which requirements it shows."""

import pytest

from conformance.requirements import requirement

__all__ = ["CheckError", "name_of", "shown_by", "shows"]


class CheckError(ValueError):
    """A check that is not tied to the contract; its text is the sentence to show."""


def shows(*identifiers: str) -> pytest.MarkDecorator:
    """Mark a test function as a check of these requirements, all of one side.

    Raises CheckError, and so fails the build, where it names none, or one twice, or those of a
    server and a client together; UnknownRequirement where it names what the contract has not.
    """
    if not identifiers:
        raise CheckError("A check names no requirement.")
    named = [requirement(identifier) for identifier in identifiers]
    if len(set(identifiers)) < len(identifiers):
        raise CheckError(f"A check names a requirement twice: {', '.join(identifiers)}.")
    if len({one.side for one in named}) > 1:
        raise CheckError(f"A check is of a server or of a client: {', '.join(identifiers)}.")
    untestable = [one.id for one in named if one.why_not is not None]
    if untestable:
        raise CheckError(f"{untestable[0]} is said to be shown by nothing, and a check names it.")
    return pytest.mark.shows(*identifiers)


def shown_by(item: pytest.Item) -> tuple[str, ...]:
    """The requirements that a collected check shows; raises CheckError where it names none."""
    named = [identifier for mark in item.iter_markers("shows") for identifier in mark.args]
    if not named:
        raise CheckError(f"{item.nodeid} is no check: it names no requirement, see @shows.")
    return tuple(dict.fromkeys(named))


def name_of(item: pytest.Item) -> str:
    """A check's name wherever pytest has its root: `server/test_auth.py::test_no_token`."""
    return item.nodeid.removeprefix("conformance/")
