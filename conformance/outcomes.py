"""How a check ends, and what that says of a requirement.

A check raises `Nonconforming` (or fails an assertion) where the target breaks the clause,
`NotApplicable` where the target does not claim what the clause is about, `CouldNotRun` where the
target or the harness is unable. Whatever else it raises is a fault of the harness, and counts as
"could not run" too: nothing is green because it did not run.
"""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from conformance.requirements import Level

__all__ = [
    "CouldNotRun",
    "Ending",
    "Nonconforming",
    "NotApplicable",
    "Outcome",
    "TargetGone",
    "beginning",
    "ending",
    "worse",
]

_LONGEST: Final = 4_000
"""Characters kept of a text from the wire: more tells a reader nothing more."""


_QUOTED: Final = 200
"""Of what was seen where a check could not begin: enough to see why."""


class Outcome(StrEnum):
    """What a check or a requirement came to."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    """A SHOULD that is not kept."""
    NOT_APPLICABLE = "not applicable"
    COULD_NOT_RUN = "could not run"


_GRAVITY: Final = (Outcome.FAIL, Outcome.COULD_NOT_RUN, Outcome.NOT_APPLICABLE, Outcome.PASS)


class NotApplicable(Exception):
    """The target does not claim what the clause is about; `reason` is a sentence."""


class CouldNotRun(Exception):
    """The harness or the target is unable to run the check; `reason` is a sentence."""


class TargetGone(CouldNotRun):
    """The target cannot be reached or started at all: the run ends here, what it found is kept."""


class Nonconforming(Exception):
    """The target breaks the clause.

    `history` is the part that shows it, an event an item, in the order of time: mappings, structs
    or texts. `replay` is the file from which `--replay` runs it again. `capability` is what the
    target claims and does not have at all: that is a failure even of a SHOULD. `blames` are those
    requirements of the check's that are broken; none named: all of them.
    """

    def __init__(
        self,
        *,
        expected: object,
        seen: object,
        history: Sequence[object] = (),
        replay: str | Path | None = None,
        capability: str | None = None,
        blames: Sequence[str] = (),
    ) -> None:
        super().__init__(expected, seen)
        self.expected = _text(expected)
        self.seen = _text(seen)
        self.history = tuple(_text(event) for event in history)
        self.replay = None if replay is None else str(replay)
        self.capability = capability
        self.blames = tuple(blames)

    def __str__(self) -> str:
        claimed = f"{self.capability} is claimed and does not work: " if self.capability else ""
        return f"{claimed}expected {self.expected}; seen {self.seen}"


@contextmanager
def beginning(what: str) -> Iterator[None]:
    """The check needs `what`, which other checks hold the target to; without it, it could not run.

    So one thing that is broken is one failure, and not that of all that comes behind it.
    """
    try:
        yield
    except (Nonconforming, TimeoutError) as broken:
        lacks = ""
        if isinstance(broken, Nonconforming):
            lacks = f": {broken.expected}; seen {broken.seen[:_QUOTED]}"
        raise CouldNotRun(f"The check needs {what}, and did not get it{lacks}.") from None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How one check ended, as it is sent from worker to controller: texts alone.

    `outcome` is that of a MUST; `for_level` says what it is for a requirement. `details` say where
    the harness failed, if it did.
    """

    outcome: Outcome
    message: str = ""
    expected: str | None = None
    seen: str | None = None
    history: tuple[str, ...] = ()
    replay: str | None = None
    capability: str | None = None
    blames: tuple[str, ...] = ()
    details: str = ""

    def speaks_of(self, identifier: str) -> bool:
        """Whether it says anything of a requirement that the check shows.

        A search ends with the first failure: of what is not to blame for that it says nothing.
        """
        return not self.blames or identifier in self.blames

    def for_level(self, level: Level) -> Outcome:
        """What it means for a requirement: a SHOULD that fails warns, but for a broken claim."""
        if self.outcome is Outcome.FAIL and level == "SHOULD" and self.capability is None:
            return Outcome.WARN
        return self.outcome


def ending(error: BaseException | None) -> Ending:
    """What a check's end by this exception means; None is a check that came to its end."""
    match _telling(error):
        case None:
            return Ending(outcome=Outcome.PASS)
        case Nonconforming() as broken:
            return Ending(
                outcome=Outcome.FAIL,
                message=str(broken),
                expected=broken.expected,
                seen=broken.seen,
                history=broken.history,
                replay=broken.replay,
                capability=broken.capability,
                blames=broken.blames,
            )
        case AssertionError() as broken:
            return Ending(outcome=Outcome.FAIL, message=_text(str(broken) or "assertion failed"))
        case NotApplicable() as without:
            return Ending(outcome=Outcome.NOT_APPLICABLE, message=_text(str(without)))
        case CouldNotRun() as unable:
            return Ending(outcome=Outcome.COULD_NOT_RUN, message=_text(str(unable)))
        case fault:
            return Ending(
                outcome=Outcome.COULD_NOT_RUN, message=_fault(fault), details=_where(fault)
            )


def worse(first: Ending | None, second: Ending) -> Ending:
    """Of how two phases of a check ended, what the check comes to."""
    if first is None or _GRAVITY.index(second.outcome) < _GRAVITY.index(first.outcome):
        return second
    return first


def _telling(error: BaseException | None) -> BaseException | None:
    """The exception that tells: of a group, what a target did before what the harness lacked."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = list(_leaves(error))
    for kind in (Nonconforming, AssertionError, CouldNotRun):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _fault(error: BaseException) -> str:
    """A sentence that puts the blame where it is."""
    return _text(f"a fault of the harness, not of the target: {type(error).__name__}: {error}")


def _where(error: BaseException) -> str:
    """Where it happened: the last two steps, which are the harness's own."""
    return _text("".join(traceback.format_exception(error, limit=-2)))


def _text(value: object) -> str:
    """A value as text that UTF-8 can carry: texts as they are, others as JSON if they have one."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = msgspec.json.encode(value).decode()
        except (TypeError, ValueError, UnicodeEncodeError):
            text = repr(value)
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"
