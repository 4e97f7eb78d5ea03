"""What a run is asked for: command line before `conformance.toml`, secrets from the environment.

Each mistake is one sentence, a `SettingsError`. The file, all of it optional:

    profile = "ci"                      # or "night"
    seed = 7
    results = "out/conformance/results.json"
    known-failing = "known.yaml"

    [server]
    url = "https://chat.example"        # or: command = "node server.js"
    capabilities = ["polling", "typing", "message_scope", "iss_aud"]    # unless given: probed

    [client]
    command = "node adapter.js"

A server at a URL was configured by somebody else: the harness reads from its own environment what
that server was given (contract, section 10), so that both know the secret and the instances.
"""

import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct
from yarl import URL

from conformance.generated.failures import FailureError, read_failure
from conformance.requirements import REQUIREMENTS, Side, UnknownRequirement
from fakes.chatengine.settings import ChatEngineSettings
from fakes.environment import SettingsError, is_http_url

__all__ = [
    "CONFIG_FILE",
    "ClientTarget",
    "Options",
    "Profile",
    "ServerTarget",
    "Settings",
    "SettingsError",
    "read_settings",
]

Profile = Literal["ci", "night"]

CONFIG_FILE: Final = "conformance.toml"
"""Read where it lies in the working directory, unless another is named."""

_RESULTS: Final = Path("out/conformance/results.json")
_INSTANCES: Final = '{"sales-1": {"workspaceId": "w-1"}, "support-1": {"workspaceId": "w-2"}}'
"""What `chatengine-harness fakes` serves, and so what a server is taken to be tried with."""


class ServerTarget(Struct, frozen=True, kw_only=True):
    """The server under test: at a URL, or a command to start; neither: the project's own fake.

    `capabilities` None: to be probed. `deployed` is there with a URL and only then: what that
    server was configured with. Where its `provider.url` is None it sends through another provider
    than the harness's, and what it sends cannot be seen.
    """

    url: str | None = None
    command: tuple[str, ...] | None = None
    capabilities: frozenset[str] | None = None
    deployed: ChatEngineSettings | None = None


class ClientTarget(Struct, frozen=True, kw_only=True):
    """The client under test: the command of its adapter; None: the project's own client."""

    command: tuple[str, ...] | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """Everything a run is asked for, checked. `seed` governs whatever the run draws.

    `replay` is a file with a found counterexample (`conformance.generated.failures`); `replayed` is
    the name of the check that found it, which is run again with that file and alone, and speaks of
    what it blamed.
    """

    sides: frozenset[Side]
    server: ServerTarget = ServerTarget()
    client: ClientTarget = ClientTarget()
    profile: Profile = "ci"
    seed: int = 0
    only: frozenset[str] = frozenset()
    results: Path = _RESULTS
    replay: Path | None = None
    replayed: str | None = None
    known_failing: Path | None = None

    @property
    def narrowed(self) -> bool:
        """Whether a few requirements are asked for, or one check."""
        return bool(self.only) or self.replay is not None

    @property
    def page(self) -> Path:
        """Where the report goes: beside the results."""
        return self.results.parent / "report.html"

    @property
    def evidence(self) -> Path:
        """The folder for what shows a failure: histories and schedules, beside the results."""
        return self.results.parent

    @property
    def histories(self) -> Path:
        """The folder for the whole history of each check that failed."""
        return self.evidence / "histories"

    @property
    def targets(self) -> dict[str, str]:
        """Each side's target as a person would name it; never a password."""
        named = {
            "server": _public(self.server.url)
            or _spoken(self.server.command)
            or "the fake ChatEngine",
            "client": _spoken(self.client.command) or "the reference client",
        }
        return {side: named[side] for side in get_args(Side) if side in self.sides}


class Options(Struct, frozen=True, kw_only=True):
    """What the command line said; None or empty where it said nothing."""

    side: Side | None = None
    server_url: str | None = None
    server_cmd: str | None = None
    client_cmd: str | None = None
    only: tuple[str, ...] = ()
    results: str | None = None
    replay: str | None = None
    known_failing: str | None = None
    profile: Profile | None = None
    seed: int | None = None
    config: str | None = None


class _ServerTable(Struct, frozen=True, forbid_unknown_fields=True):
    url: str | None = None
    command: str | None = None
    capabilities: list[str] | None = None


class _ClientTable(Struct, frozen=True, forbid_unknown_fields=True):
    command: str | None = None


class _File(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    profile: Profile = "ci"
    seed: int | None = None
    results: str | None = None
    known_failing: str | None = None
    server: _ServerTable | None = None
    client: _ClientTable | None = None


def read_settings(
    options: Options, variables: Mapping[str, str], folder: Path, drawn_seed: int
) -> Settings:
    """Put options, file and environment together; raises SettingsError.

    `folder` is what relative paths are relative to. `drawn_seed` is used where none is set.
    """
    file = _read_file(options.config, folder)
    sides = _sides(options, file)
    seed = next(one for one in (options.seed, file.seed, drawn_seed) if one is not None)
    known = options.known_failing or file.known_failing
    replay = None if options.replay is None else folder / options.replay
    replayed, blamed = (None, ()) if replay is None else _replayed(replay)
    return Settings(
        sides=sides,
        server=_server(options, file.server or _ServerTable(), variables, sides),
        client=_client(options, file.client or _ClientTable()),
        profile=options.profile or file.profile,
        seed=seed,
        only=_only(options.only or blamed, sides),
        results=folder / (options.results or file.results or _RESULTS),
        replay=replay,
        replayed=replayed,
        known_failing=None if known is None else folder / known,
    )


def _read_file(named: str | None, folder: Path) -> _File:
    path = folder / (named or CONFIG_FILE)
    if named is None and not path.exists():
        return _File()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise SettingsError(f"{path.name} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name} is not TOML: {error}.") from None
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path.name}: {error}.") from None


def _sides(options: Options, file: _File) -> frozenset[Side]:
    """What was named runs; where nothing was, everything does: the self-check."""
    if options.server_url and options.server_cmd:
        raise SettingsError("A server is tried at a URL or by a command, not both.")
    asked: dict[Side, bool] = {
        "server": bool(options.server_url or options.server_cmd),
        "client": bool(options.client_cmd),
    }
    if options.side is not None:
        others = [side for side, named in asked.items() if named and side != options.side]
        if others:
            raise SettingsError(f"A {others[0]} is named, but the {options.side} suite is asked.")
        return frozenset({options.side})
    if not any(asked.values()):
        asked = {"server": file.server is not None, "client": file.client is not None}
    return frozenset(side for side, named in asked.items() if named) or frozenset(get_args(Side))


def _server(
    options: Options, table: _ServerTable, variables: Mapping[str, str], sides: frozenset[Side]
) -> ServerTarget:
    if "server" not in sides:
        return ServerTarget()
    if options.server_url or options.server_cmd:
        url, command = options.server_url, options.server_cmd
    else:
        url, command = table.url, table.command
    if url and command:
        raise SettingsError(f"{CONFIG_FILE}: a server has a url or a command, not both.")
    if url and not is_http_url(url):
        raise SettingsError("The server's URL is not an absolute http(s) URL.")
    return ServerTarget(
        url=None if url is None else url.rstrip("/"),
        command=_argv(command, "server"),
        capabilities=_capabilities(table.capabilities),
        deployed=None if url is None else _deployed(variables),
    )


def _client(options: Options, table: _ClientTable) -> ClientTarget:
    return ClientTarget(command=_argv(options.client_cmd or table.command, "client"))


def _deployed(variables: Mapping[str, str]) -> ChatEngineSettings:
    """Read what the server was given; the instances may be left to the fakes' usual ones."""
    return ChatEngineSettings.from_environment({"INSTANCES": _INSTANCES, **variables})


def _capabilities(named: list[str] | None) -> frozenset[str] | None:
    if named is None:
        return None
    known = {need for one in REQUIREMENTS.values() if one.side == "server" for need in one.needs}
    unknown = sorted(set(named) - known)
    if unknown:
        raise SettingsError(
            f"{CONFIG_FILE}: a server has no capability {unknown[0]}; there are "
            f"{', '.join(sorted(known))}."
        )
    return frozenset(named)


def _only(named: tuple[str, ...], sides: frozenset[Side]) -> frozenset[str]:
    """The requirements asked for alone; raises UnknownRequirement (a sentence) or SettingsError."""
    for identifier in named:
        if identifier not in REQUIREMENTS:
            raise SettingsError(str(UnknownRequirement(identifier)))
        one = REQUIREMENTS[identifier]
        if one.side not in sides:
            raise SettingsError(f"{identifier} is a {one.side}'s, and no {one.side} is tried.")
    return frozenset(named)


def _argv(command: str | None, what: str) -> tuple[str, ...] | None:
    if command is None:
        return None
    try:
        argv = tuple(shlex.split(command))
    except ValueError as error:
        raise SettingsError(f"The {what}'s command cannot be read: {error}.") from None
    if not argv:
        raise SettingsError(f"The {what}'s command is empty.")
    return argv


def _replayed(path: Path) -> tuple[str, tuple[str, ...]]:
    """The check that a replay file names, and the requirements that it blames."""
    try:
        failure = read_failure(path)
    except FailureError as error:
        raise SettingsError(f"{error}.") from None
    return failure.check, failure.blames


def _public(url: str | None) -> str | None:
    return None if url is None else str(URL(url).with_user(None))


def _spoken(command: tuple[str, ...] | None) -> str | None:
    return None if command is None else shlex.join(command)
