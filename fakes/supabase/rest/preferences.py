"""The `Prefer` header (RFC 7240), as far as PostgREST knows it."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from fakes.supabase.rest.errors import bad_preferences

__all__ = ["Preferences", "read_preferences"]

_CHOICES: Final = {
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "missing": ("default", "null"),
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    "tx": ("commit", "rollback"),
    "handling": ("strict", "lenient"),
}
_MOST_DIGITS: Final = 18


class Preferences(Struct, frozen=True, kw_only=True):
    """What the client would like; None where it says nothing of a kind."""

    resolution: str | None = None
    missing: str | None = None
    returns: str | None = None
    count: str | None = None
    handling: str | None = None
    max_affected: int | None = None

    def applied(self, *kinds: str) -> str:
        """Return `Preference-Applied` of an action that heeds these kinds; may be empty.

        A kind is named as in the header; `count` and `handling` are heeded by every action.
        """
        heeded = {
            "resolution": self.resolution,
            "missing": self.missing,
            "return": self.returns,
            "count": self.count,
            "handling": self.handling,
            "max-affected": self.max_affected if self.handling == "strict" else None,
        }
        wanted = {*kinds, "count", "handling"}
        return ", ".join(
            f"{kind}={value}"
            for kind, value in heeded.items()
            if value is not None and kind in wanted
        )


def read_preferences(headers: Iterable[str]) -> Preferences:
    """Read the `Prefer` headers of a request: of each kind the first that is known.

    Raises `RestError` (PGRST122) for an unknown one together with `handling=strict`.
    """
    given = [each.strip() for header in headers for each in header.split(",")]
    chosen = {kind: _choice(kind, values, given) for kind, values in _CHOICES.items()}
    unknown = [each for each in given if not _is_known(each)]
    if chosen["handling"] == "strict" and unknown:
        raise bad_preferences(unknown)
    return Preferences(
        resolution=chosen["resolution"],
        missing=chosen["missing"],
        returns=chosen["return"],
        count=chosen["count"],
        handling=chosen["handling"],
        max_affected=_max_affected(given),
    )


def _choice(kind: str, values: Sequence[str], given: Iterable[str]) -> str | None:
    wanted = {f"{kind}={value}": value for value in values}
    return next((wanted[each] for each in given if each in wanted), None)


def _is_known(preference: str) -> bool:
    kind, _, value = preference.partition("=")
    return kind in ("timezone", "max-affected") or value in _CHOICES.get(kind, ())


def _max_affected(given: Iterable[str]) -> int | None:
    for each in given:
        kind, _, number = each.partition("=")
        if kind == "max-affected" and number.isascii() and number.isdigit():
            return int(number[:_MOST_DIGITS])
    return None
