"""Moments on the wire: ISO 8601 in UTC with milliseconds (contract, section 2).

Inside, a moment is an integer of milliseconds since the Unix epoch.
"""

from datetime import UTC, datetime, timedelta

__all__ = ["MAX_MS", "MomentError", "from_ms", "to_ms"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000

MAX_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last moment ISO 8601 writes with four digits of year."""


class MomentError(ValueError):
    """The text is not an ISO 8601 moment with a time zone."""


def from_ms(milliseconds: int) -> str:
    """Write `milliseconds` since the epoch as `2026-11-22T06:47:23.622Z`.

    Raises `MomentError` outside the years 1 to 9999.
    """
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise MomentError(f"{milliseconds} ms since 1970 is outside the years 1 to 9999") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_ms(text: object) -> int:
    """Read an ISO 8601 moment (any UTC offset) as milliseconds since the epoch, rounded down.

    Raises `MomentError` for anything else, a moment without a time zone included.
    """
    if not isinstance(text, str):
        raise MomentError("a moment is ISO 8601 text")
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except TypeError:  # of a moment with a time zone and one without there is no difference
        raise MomentError(f"no time zone in {text[:40]!r}") from None
    except OverflowError:
        raise MomentError(f"outside the years 1 to 9999: {text[:40]!r}") from None
    except ValueError:
        raise MomentError(f"not an ISO 8601 moment: {text[:40]!r}") from None
    # Not `since // timedelta(milliseconds=1)`, which takes three times as long, 0.2 us.
    return since.days * _DAY_MS + since.seconds * 1000 + since.microseconds // 1000
