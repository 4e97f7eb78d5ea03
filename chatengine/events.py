"""Event names of the Socket.IO wire (contract, section 2)."""

from typing import Final

__all__ = [
    "CONNECTION_UPDATE",
    "CONVERSATION",
    "ERROR",
    "MARKED_AS_READ",
    "MARK_AS_READ",
    "MESSAGE",
    "MESSAGE_SENT",
    "MESSAGE_STATUS",
    "SEND_MESSAGE",
    "SOCKET_PATH",
    "SUBSCRIBE",
    "TYPING",
    "UNSUBSCRIBE",
    "WEBHOOK_PATH",
]

SOCKET_PATH: Final = "/api/ws"
WEBHOOK_PATH: Final = "/api/webhooks/whatsapp"

# to the server
SUBSCRIBE: Final = "subscribe:conversation"
UNSUBSCRIBE: Final = "unsubscribe:conversation"
SEND_MESSAGE: Final = "sendMessage"
MARK_AS_READ: Final = "markAsRead"

# both ways
TYPING: Final = "typing"

# to the client
MESSAGE: Final = "message"
MESSAGE_STATUS: Final = "messageStatus"
CONVERSATION: Final = "conversation"
MESSAGE_SENT: Final = "messageSent"
MARKED_AS_READ: Final = "markedAsRead"
CONNECTION_UPDATE: Final = "connectionUpdate"
ERROR: Final = "error"
