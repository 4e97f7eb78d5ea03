"""Where the proxy listens and whom it stands in front of, as a person writes it."""

from typing import Final, Literal

from msgspec import Struct
from yarl import URL

from fakes.environment import SettingsError

__all__ = ["LOOPBACK", "Address", "parse_listen", "parse_target"]

LOOPBACK: Final = "127.0.0.1"

_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class Address(Struct, frozen=True):
    """Host (a name or an address, IPv6 without brackets) and TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Address:
    """Read `PORT`, `:PORT` or `HOST:PORT`; loopback unless a host is named, port 0 a free one.

    `localhost` is both loopbacks, 127.0.0.1 and ::1. Raises `SettingsError`.
    """
    return _parse("LISTEN", text, lowest=0)


def parse_target(text: str) -> Address:
    """Read what `parse_listen` reads, or an http(s) or ws(s) URL; raises `SettingsError`."""
    if "://" not in text:
        return _parse("TARGET", text, lowest=1)
    try:
        url = URL(text)
        port = url.port or _PORTS.get(url.scheme)
    except ValueError:
        raise SettingsError("TARGET is no URL") from None  # not quoted: it may hold a password
    if port is None or not url.host or url.scheme not in _PORTS:
        raise SettingsError("TARGET is no http(s) or ws(s) URL")
    return Address(url.host, port)


def _parse(what: Literal["LISTEN", "TARGET"], text: str, *, lowest: int) -> Address:
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare and bare == host:
        raise SettingsError(f"{what} has an IPv6 address without brackets: {text[:80]}")
    if not (port.isascii() and port.isdigit()) or not lowest <= int(port[:9]) <= 65_535:
        raise SettingsError(
            f"{what} is not HOST:PORT with a port from {lowest} to 65535: {text[:80]}"
        )
    return Address(bare or LOOPBACK, int(port))
