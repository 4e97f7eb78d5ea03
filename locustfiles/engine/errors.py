"""What can go wrong between a load user and the server, each a sentence a person can act on.

Errors of picows, asyncio and the operating system are mapped to these once, in `connection`.
"""

__all__ = [
    "ConnectFailed",
    "ConnectRefused",
    "ConnectionLost",
    "EngineClosed",
    "EngineError",
    "SubscribeFailed",
]


class EngineError(Exception):
    """Base of everything the engine raises; `str` is the sentence."""


class ConnectFailed(EngineError):
    """No Socket.IO connection came about: no server, no WebSocket, or not the protocol."""


class ConnectRefused(ConnectFailed):
    """The server answered CONNECT with CONNECT_ERROR; `code` is `unauthorized` or `forbidden`."""

    def __init__(self, message: str, code: str | None) -> None:
        super().__init__(f"the server refused the connection: {message}")
        self.code = code


class ConnectionLost(EngineError):
    """The connection ended while an answer was awaited."""


class SubscribeFailed(EngineError):
    """A subscription was answered with an error, or not at all."""


class EngineClosed(EngineError):
    """The process is about to end: nothing can be asked of its engine any more."""

    def __init__(self) -> None:
        super().__init__("the engine was closed")
