"""The settings of the fake Supabase, from the environment."""

import secrets
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from fakes.control import ControlSettings
from fakes.environment import Environment, Instance, Secret, SettingsError
from fakes.supabase.faults import Fault, FaultsError, read_faults
from fakes.supabase.keys import SHORTEST_SECRET
from fakes.supabase.schema import CONTRACT, SchemaError, Table, read_tables

__all__ = ["Limits", "SupabaseSettings", "Timing"]

_MIB: Final = 1024 * 1024
_LARGEST: Final = 1024 * _MIB


class Timing(Struct, frozen=True, kw_only=True):
    """How long things take, in milliseconds; the defaults are Realtime's own but for the first."""

    system_delay_ms: int = 100
    """From the reply to a join until its subscription is there, and `system` says so. Changes in
    between are lost to it. In the field it is mostly well below a second, at times 1 to 3."""
    failed_join_ms: int = 5_000
    """How long a join that fails takes to be answered (`CHANNEL_ERROR_BACKOFF_MS`)."""
    refused_handshake_ms: int = 2_000
    """How long a handshake that is refused takes to be answered (`CONNECT_ERROR_BACKOFF_MS`)."""
    idle_timeout_ms: int = 60_000
    """A socket from which nothing comes for so long is closed."""
    poll_ms: int = 100
    """Between two looks at the changes; `IDLE_FACTOR` times as long while there are none."""

    @classmethod
    def read(cls, environment: Environment) -> "Timing":
        """Read the durations; raises `SettingsError`."""
        usual = cls()
        milliseconds = environment.milliseconds
        return cls(
            system_delay_ms=milliseconds("SYSTEM_DELAY", usual.system_delay_ms),
            failed_join_ms=milliseconds("FAILED_JOIN_DELAY", usual.failed_join_ms),
            refused_handshake_ms=milliseconds(
                "REFUSED_HANDSHAKE_DELAY", usual.refused_handshake_ms
            ),
            idle_timeout_ms=milliseconds("IDLE_TIMEOUT", usual.idle_timeout_ms, low=1),
            poll_ms=milliseconds("POLL_INTERVAL", usual.poll_ms, low=1),
        )


class Limits(Struct, frozen=True, kw_only=True):
    """What a project may use; the defaults are Realtime's own."""

    channels: int = 100
    """Of one socket."""
    users: int = 200
    """Sockets that have joined a channel."""
    joins: int = 100
    """A second."""
    events: int = 100
    """Changes delivered a second; what is more is dropped without a word."""
    changes: int = 100
    """Looked at in one poll."""
    frame: int = 5_000_000
    """Bytes of a client's message."""
    record: int = _MIB
    """Bytes of a change's log entry, beyond which its large fields are left out (error 413)."""

    @classmethod
    def read(cls, environment: Environment) -> "Limits":
        """Read the limits; raises `SettingsError`."""
        usual = cls()
        whole = environment.whole
        return cls(
            channels=whole("MAX_CHANNELS_PER_SOCKET", usual.channels, low=1),
            users=whole("MAX_USERS", usual.users, low=1),
            joins=whole("MAX_JOINS_PER_SECOND", usual.joins, low=1),
            events=whole("MAX_EVENTS_PER_SECOND", usual.events, low=1),
            changes=whole("POLL_MAX_CHANGES", usual.changes, low=1),
            frame=whole("MAX_FRAME", usual.frame, low=1, high=_LARGEST),
            record=whole("MAX_RECORD", usual.record, low=1, high=_LARGEST),
        )


def _fresh_secret() -> Secret:
    return Secret(secrets.token_urlsafe(SHORTEST_SECRET))


class SupabaseSettings(Struct, frozen=True, kw_only=True):
    """Everything the fake Supabase needs to run.

    Each workspace of `instances` gets an API key of its own. Without a `secret` it is a fresh
    one, and so are the keys.
    """

    instances: dict[str, Instance]
    secret: Secret = field(default_factory=_fresh_secret)
    host: str = "127.0.0.1"
    port: int = 0
    tables: tuple[Table, ...] = CONTRACT
    timing: Timing = Timing()
    limits: Limits = Limits()
    faults: tuple[Fault, ...] = ()
    control: ControlSettings = ControlSettings()

    @property
    def workspaces(self) -> tuple[str, ...]:
        """The workspaces, each once."""
        return tuple(dict.fromkeys(each.workspace_id for each in self.instances.values()))

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> "SupabaseSettings":
        """Read the settings; raises `SettingsError` with one sentence for the first mistake."""
        environment = Environment(variables)
        return cls(
            instances=environment.instances(),
            secret=_secret(environment),
            host=environment.text("HOST", "127.0.0.1"),
            port=environment.port("PORT"),
            tables=_tables(environment),
            timing=Timing.read(environment),
            limits=Limits.read(environment),
            faults=_faults(environment),
            control=ControlSettings.read(environment),
        )


def _secret(environment: Environment) -> Secret:
    text = environment.required("SUPABASE_JWT_SECRET")
    if len(text) < SHORTEST_SECRET:
        raise SettingsError(f"SUPABASE_JWT_SECRET has less than {SHORTEST_SECRET} characters")
    return Secret(text)


def _tables(environment: Environment) -> tuple[Table, ...]:
    """Read `TABLES`: they stand beside the contract's, which they cannot replace."""
    text = environment.optional("TABLES")
    if text is None:
        return CONTRACT
    try:
        tables = (*CONTRACT, *read_tables(text))
    except SchemaError as error:
        raise SettingsError(f"TABLES is {error}") from None
    if len({table.name for table in tables}) < len(tables):
        raise SettingsError("TABLES names a table that is there already")
    return tables


def _faults(environment: Environment) -> tuple[Fault, ...]:
    try:
        return read_faults(environment.text("FAULTS", "[]"))
    except FaultsError as error:
        raise SettingsError(f"FAULTS is {error}") from None
