"""The settings of the fake ChatEngine, from the environment (contract, section 10)."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from chatengine.tokens import TokenRules
from fakes.chatengine.realtime.settings import RealtimeSettings
from fakes.chatengine.store import Bounds
from fakes.control import ControlSettings
from fakes.environment import Environment, Instance, Secret, SettingsError

__all__ = ["ChatEngineSettings", "ProviderSettings", "origins"]

MessageScope = Literal["conversation", "workspace"]

_MIB: Final = 1024 * 1024
_LARGEST: Final = 1024 * _MIB


class ProviderSettings(Struct, frozen=True, kw_only=True):
    """Where Evolution is, its key, and how long a send may take, waiting in line included.

    `url` None: there is no provider, and every send fails. The timeout leaves a client the rest of
    the 10 s within which a message that could not be sent has to show as failed (C-SND-4).
    """

    url: str | None = None
    api_key: Secret = Secret("")
    timeout_s: float = 8.0


class ChatEngineSettings(Struct, frozen=True, kw_only=True):
    """Everything the fake ChatEngine needs to run; durations in milliseconds, sizes in bytes."""

    secret: Secret
    instances: dict[str, Instance]
    issuer: str | None = None
    audience: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    provider: ProviderSettings = ProviderSettings()
    cors_allowed_origins: tuple[str, ...] = ()
    ping_interval_ms: int = 25_000
    ping_timeout_ms: int = 20_000
    max_payload: int = 1_000_000
    message_scope: MessageScope = "conversation"
    compression: bool = False
    max_attachment: int = 16 * _MIB
    """The largest file of one upload: WhatsApp's own limit for images, audio and video."""
    public_url: str | None = None
    """Base of the URLs of uploaded files; None: the address that the uploader used."""
    bounds: Bounds = Bounds()
    control: ControlSettings = ControlSettings()

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> "ChatEngineSettings":
        """Read the settings; raises `SettingsError` with one sentence for the first mistake."""
        environment = Environment(variables)
        return cls(
            secret=Secret(environment.required("CHATENGINE_JWT_SECRET")),
            instances=environment.instances(),
            issuer=environment.optional("CHATENGINE_JWT_ISSUER"),
            audience=environment.optional("CHATENGINE_JWT_AUDIENCE"),
            host=environment.text("HOST", "127.0.0.1"),
            port=environment.port("PORT"),
            provider=_provider(environment),
            cors_allowed_origins=origins(environment.text("CORS_ALLOWED_ORIGINS", "")),
            ping_interval_ms=environment.milliseconds("PING_INTERVAL", 25_000, low=1),
            ping_timeout_ms=environment.milliseconds("PING_TIMEOUT", 20_000, low=1),
            max_payload=environment.whole("MAX_PAYLOAD", 1_000_000, low=1, high=_LARGEST),
            message_scope=_scope(environment.text("MESSAGE_SCOPE", "conversation")),
            compression=environment.flag("COMPRESSION", False),
            max_attachment=environment.whole("MAX_ATTACHMENT", 16 * _MIB, low=1, high=_LARGEST),
            public_url=_base(environment.address("PUBLIC_URL")),
            control=ControlSettings.read(environment),
        )

    @property
    def token_rules(self) -> TokenRules:
        """How a token is verified (section 3)."""
        return TokenRules(self.secret, self.issuer, self.audience)

    @property
    def realtime(self) -> RealtimeSettings:
        """What of it concerns the Socket.IO server."""
        return RealtimeSettings(
            ping_interval_ms=self.ping_interval_ms,
            ping_timeout_ms=self.ping_timeout_ms,
            max_payload=self.max_payload,
            compression=self.compression,
            cors_allowed_origins=self.cors_allowed_origins,
        )


def _provider(environment: Environment) -> ProviderSettings:
    usual = ProviderSettings()
    usual_ms = round(usual.timeout_s * 1000)
    timeout_ms = environment.milliseconds("PROVIDER_TIMEOUT", usual_ms, low=1)
    return ProviderSettings(
        url=_base(environment.address("EVOLUTION_API_URL")),
        api_key=Secret(environment.text("EVOLUTION_API_KEY", "")),
        timeout_s=timeout_ms / 1000,
    )


def origins(text: str) -> tuple[str, ...]:
    """Read a comma-separated list of browser origins, as a browser writes them: no slash behind."""
    return tuple(origin.strip().rstrip("/") for origin in text.split(",") if origin.strip())


def _scope(text: str) -> MessageScope:
    if text == "conversation":
        return "conversation"
    if text == "workspace":
        return "workspace"
    raise SettingsError(f"MESSAGE_SCOPE is neither conversation nor workspace: {text[:40]}")


def _base(url: str | None) -> str | None:
    """Take the slash off the end of a URL to which paths are added."""
    return None if url is None else url.rstrip("/")
