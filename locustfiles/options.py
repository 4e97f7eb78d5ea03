"""What a run is asked to do: Locust options of our own, checked before anything starts.

They show in `locust --help`, in the web form, and travel to the workers with Locust's own. Secrets
are not options: they come from the environment and stay out of the form, the record and the logs.
"""

import os
import ssl
from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from chatengine.events import SOCKET_PATH, WEBHOOK_PATH
from chatengine.history import MOST_RECORDS
from chatengine.tokens import TokenRules
from locustfiles.engine.publisher import Conversation
from reports import thresholds
from reports.record import public_url

if TYPE_CHECKING:  # importing Locust patches the whole process, which a test does not want
    from locust.argument_parser import LocustArgumentParser

__all__ = ["OptionError", "Options", "add_arguments", "read_instances", "token_rules"]

_LEAST_RATE: Final = 0.001  # one in a quarter of an hour
_MOST_RATE: Final = 20_000.0  # messages a second: beyond what one webhook client can post
_MOST_TEXT: Final = 65_536
_MOST_CONVERSATIONS: Final = 1_000_000
_LEAST_RECORDS: Final = 100  # of a history: fewer tell nothing


class OptionError(ValueError):
    """An option out of range, or a missing secret: one sentence for the user."""


class Options(Struct, frozen=True):
    """The checked options. `instances` maps each provider instance to its workspace."""

    host: str
    instances: dict[str, str]
    conversations: int
    conversations_per_subscriber: int
    message_rate: float
    text_bytes: int
    publish_seconds: float
    settle_seconds: float
    socket_path: str
    webhook_url: str
    timeout_seconds: float
    ca_file: str
    out: str
    run_name: str
    history: int
    limits: tuple[thresholds.Limit, ...]
    rules: TokenRules

    @classmethod
    def read(cls, host: str | None, values: Mapping[str, Any]) -> "Options":
        """Check the parsed options and the environment; raises `OptionError`."""
        base = _server(host)
        instances = read_instances(values["instances"])
        return cls(
            host=base,
            instances=instances,
            # At least one each: a subscriber of an instance without any would wait for nothing.
            conversations=int(
                _within(values, "conversations", len(instances), _MOST_CONVERSATIONS)
            ),
            conversations_per_subscriber=int(
                _within(values, "conversations_per_subscriber", 1, 1000)
            ),
            message_rate=_within(values, "message_rate", _LEAST_RATE, _MOST_RATE, or_zero=True),
            text_bytes=int(_within(values, "text_bytes", 1, _MOST_TEXT)),
            publish_seconds=_within(values, "publish_seconds", 0, 86_400),
            settle_seconds=_within(values, "settle_seconds", 0.1, 300),
            socket_path=values["socket_path"],
            webhook_url=values["webhook_url"] or base.rstrip("/") + WEBHOOK_PATH,
            timeout_seconds=_within(values, "timeout_seconds", 0.1, 300),
            ca_file=values["ca_file"],
            out=values["out"],
            run_name=_name(values["run_name"]),
            history=_history(values),
            limits=_limits(values["thresholds"]),
            rules=token_rules(),
        )

    def all_conversations(self) -> list[Conversation]:
        """The conversations to publish to, spread evenly over the instances."""
        numbers, places = range(self.conversations), cycle(self.instances.items())
        return [
            Conversation(instance, _jid(n), workspace)
            for n, (instance, workspace) in zip(numbers, places, strict=False)
        ]

    def subscriber(self, index: int) -> tuple[str, list[str]]:
        """The workspace of subscriber `index`, and the conversations it opens."""
        instances = list(self.instances)
        place = index % len(instances)
        mine = range(place, self.conversations, len(instances))
        wanted = min(self.conversations_per_subscriber, len(mine))
        first = index // len(instances) * wanted
        chosen = (mine[(first + n) % len(mine)] for n in range(wanted))
        return self.instances[instances[place]], [_jid(n) for n in chosen]

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context for `https`; raises `OptionError` for an unreadable `--ca-file`."""
        if not self.host.startswith("https"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as error:
            raise OptionError(f"--ca-file {self.ca_file} cannot be read: {error}") from None

    def public(self) -> dict[str, Any]:
        """The configuration as the run record shows it: no secrets."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        del shown["rules"], shown["limits"], shown["host"]
        shown["webhook_url"] = public_url(self.webhook_url)
        shown["instances"] = ", ".join(f"{i}={w}" for i, w in list(self.instances.items())[:20])
        return shown


def token_rules() -> TokenRules:
    """The shared secret from the environment; raises `OptionError` where it is missing."""
    secret = os.environ.get("CHATENGINE_JWT_SECRET", "")
    if not secret:
        raise OptionError(
            "CHATENGINE_JWT_SECRET is not set: put the secret that ChatEngine verifies tokens "
            "with into the environment"
        )
    issuer = os.environ.get("CHATENGINE_JWT_ISSUER") or None
    return TokenRules(secret, issuer, os.environ.get("CHATENGINE_JWT_AUDIENCE") or None)


def read_instances(text: str) -> dict[str, str]:
    """Read `sales-1=w-1,sales-2=w-2` as workspaces by instance; raises `OptionError`."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    instances = {name.strip(): workspace.strip() for name, _, workspace in pairs}
    if not instances or "" in instances or "" in instances.values():
        raise OptionError(
            f"--instances {text!r} is not a list of instance=workspace, e.g. sales-1=w-1"
        )
    if len(instances) < len(pairs):
        raise OptionError(f"--instances {text!r} names an instance twice")
    return instances


def add_arguments(parser: "LocustArgumentParser") -> None:
    """Add our options to Locust's, each with an environment variable and a field in the form.

    Not as a group of their own: Locust's form shows only what was added to the parser itself.
    """
    for flag, default, help_text in _OPTIONS:
        parser.add_argument(
            flag,
            type=type(default),
            default=default,
            metavar=f"<{type(default).__name__}>",
            help=help_text,
            env_var=f"CHATENGINE_LOAD{flag[1:].replace('-', '_').upper()}",
        )


_OPTIONS: Final[tuple[tuple[str, Any, str], ...]] = (
    (
        "--instances",
        "sales-1=w-1",
        "WhatsApp instances and their workspaces, as instance=workspace, comma-separated.",
    ),
    ("--conversations", 10, "Conversations that are published to, over all instances."),
    ("--conversations-per-subscriber", 1, "Conversations that each subscriber opens."),
    ("--message-rate", 10.0, "Messages a second, in all, on a schedule fixed in advance; 0: none."),
    ("--text-bytes", 120, "Length of each message's text."),
    ("--publish-seconds", 0.0, "Publish for so long, then end the run; 0: until it is stopped."),
    ("--settle-seconds", 5.0, "How long a message may be on its way before it counts as lost."),
    ("--socket-path", SOCKET_PATH, "Path of the Socket.IO server."),
    ("--webhook-url", "", f"Where messages enter. Default: {WEBHOOK_PATH} at the host."),
    ("--timeout-seconds", 10.0, "Patience for a handshake or an ack."),
    ("--ca-file", "", "Certificate authority of the server, where the system does not know it."),
    ("--out", "out", "Folder for run records and reports; empty: write none."),
    ("--run-name", "", "Name of the run's folder below --out. Default: the moment it began."),
    (
        "--history",
        0,
        "Keep the run's history, of so many records at most, beside the report; 0: none.",
    ),
    ("--thresholds", thresholds.PROMISED, "What must hold for the run to pass, comma-separated."),
)


def _server(host: str | None) -> str:
    if not host:
        raise OptionError("--host is missing: give the URL of the ChatEngine server")
    try:
        parts = urlsplit(host)
        known = parts.scheme in ("http", "https") and parts.hostname
        parts.port  # noqa: B018  # raises for a port that is no number or out of range
    except ValueError as error:
        raise OptionError(f"--host {host!r} is not a URL: {error}") from None
    if not known:
        raise OptionError(f"--host {host!r} is not an http:// or https:// URL")
    return host


def _within(
    values: Mapping[str, Any], name: str, least: float, most: float, *, or_zero: bool = False
) -> float:
    value = float(values[name])
    if not (least <= value <= most or (or_zero and value == 0)):
        flag = "--" + name.replace("_", "-")
        allowed = f"{'0 or ' if or_zero else ''}from {least:g} to {most:g}"
        raise OptionError(f"{flag} is {value:g} but must be {allowed}")
    return value


def _name(text: str) -> str:
    if text in (".", "..") or "/" in text or "\0" in text:
        raise OptionError(f"--run-name {text!r} is not the name of a folder")
    return text


def _history(values: Mapping[str, Any]) -> int:
    records = int(_within(values, "history", _LEAST_RECORDS, MOST_RECORDS, or_zero=True))
    if records and not values["out"]:
        raise OptionError("--history has no folder to be kept in: --out is empty")
    return records


def _limits(text: str) -> tuple[thresholds.Limit, ...]:
    try:
        return tuple(thresholds.parse_all(text))
    except thresholds.ThresholdError as error:
        raise OptionError(f"--thresholds: {error}") from None


def _jid(number: int) -> str:
    """The customer of conversation `number`: a number that no real customer has."""
    return f"55000{number:08d}@s.whatsapp.net"
