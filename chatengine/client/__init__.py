"""The reference CRM client (contract, section 7): `docs/client.md` says how to use it."""

from chatengine.client.client import Change, ConnectionChanged, CrmClient
from chatengine.client.config import (
    ChatEngineConfig,
    ClientConfig,
    ConfigError,
    SupabaseConfig,
    Timing,
    TokenConfig,
    read_config,
)
from chatengine.client.core.shapes import (
    Connection,
    ConnectionState,
    ConversationEntry,
    ConversationsChanged,
    Counters,
    Message,
    MessagesChanged,
    Source,
    TypingChanged,
)
from chatengine.client.monitoring import Alert, Monitor, Reconnect
from chatengine.status import Status

__all__ = [
    "Alert",
    "Change",
    "ChatEngineConfig",
    "ClientConfig",
    "ConfigError",
    "Connection",
    "ConnectionChanged",
    "ConnectionState",
    "ConversationEntry",
    "ConversationsChanged",
    "Counters",
    "CrmClient",
    "Message",
    "MessagesChanged",
    "Monitor",
    "Reconnect",
    "Source",
    "Status",
    "SupabaseConfig",
    "Timing",
    "TokenConfig",
    "TypingChanged",
    "read_config",
]
