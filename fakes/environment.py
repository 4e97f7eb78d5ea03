"""Settings from environment variables: each mistake is one sentence that names the variable."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from yarl import URL

__all__ = ["Environment", "Instance", "Secret", "SettingsError", "is_http_url"]

_LONGEST_MS: Final = 3_600_000


class SettingsError(ValueError):
    """A setting that cannot be used; its text is the sentence to show (exit code 2)."""


class Secret(str):
    """A text that keeps out of the `repr` of whatever holds it, and so out of logs and reports."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(...)"


class Instance(Struct, frozen=True, rename="camel"):
    """A WhatsApp number of a workspace, as `INSTANCES` names it (contract, section 10)."""

    workspace_id: str
    whatsapp_number_id: str | None = None


def is_http_url(text: str) -> bool:
    """Whether `text` is an absolute http(s) URL."""
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


class Environment:
    """Reads typed settings; an empty variable counts as unset."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str) -> str:
        """Text, or `default` where the variable is unset."""
        return self._variables.get(name) or default

    def optional(self, name: str) -> str | None:
        """Text, or None where the variable is unset."""
        return self._variables.get(name) or None

    def required(self, name: str) -> str:
        """Text that must be there; raises `SettingsError`."""
        value = self.optional(name)
        if value is None:
            raise SettingsError(f"{name} is not set")
        return value

    def whole(self, name: str, default: int, *, low: int = 0, high: int = 2**31) -> int:
        """Read a whole number from `low` to `high`; raises `SettingsError`."""
        value = self.optional(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()) or not low <= int(value[:20]) <= high:
            raise SettingsError(f"{name} is not a whole number from {low} to {high}: {value[:40]}")
        return int(value)

    def milliseconds(self, name: str, default: int, *, low: int = 0) -> int:
        """Read a duration of at most an hour; raises `SettingsError`."""
        return self.whole(name, default, low=low, high=_LONGEST_MS)

    def address(self, name: str) -> str | None:
        """Read an absolute http(s) URL, which the error does not quote: it may hold a password.

        None where the variable is unset; raises `SettingsError`.
        """
        text = self.optional(name)
        if text is not None and not is_http_url(text):
            raise SettingsError(f"{name} is not an http(s) URL")
        return text

    def port(self, name: str) -> int:
        """Read a TCP port, 0 (a free one) where the variable is unset; raises `SettingsError`."""
        return self.whole(name, 0, high=65_535)

    def flag(self, name: str, default: bool) -> bool:
        """Read `true`/`false` or `1`/`0`; raises `SettingsError`."""
        value = self.text(name, str(default)).lower()
        if value not in ("true", "false", "1", "0"):
            raise SettingsError(f"{name} is neither true nor false: {value[:40]}")
        return value in ("true", "1")

    def instances(self, name: str = "INSTANCES") -> dict[str, Instance]:
        """Read the JSON object of instances, by name (section 10); raises `SettingsError`."""
        try:
            instances = msgspec.json.decode(self.required(name), type=dict[str, Instance])
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise SettingsError(f"{name} is not the JSON of instances: {error}") from None
        if not instances:
            raise SettingsError(f"{name} names no instance")
        return instances
