"""What Supabase refuses, in a sentence that says what to do about it; no I/O.

The server's own words are data from outside: one line of them is quoted, cut short.
"""

import os
from typing import Final

from chatengine.client.answers import quoted

__all__ = [
    "MISMATCH",
    "broken",
    "closed",
    "handshake",
    "join",
    "no_token",
    "read",
    "subscription",
    "unreachable",
]

MISMATCH: Final = (
    "Supabase answered the join with other subscriptions than were asked for: it is tried again"
)

_NO_CLOSE_FRAME: Final = 1006

_HANDSHAKES: Final = {
    401: "the key was refused: it must be this project's anon key, and not expired",
    403: "Realtime is switched off for this project: restore the project in its dashboard",
    404: "there is no such project here: check the Supabase URL",
    429: "too many connections or joins for this project: close some, or raise its limits",
}

_READS: Final = {
    401: "check the anon key, or sign in again",
    403: "give the user's role the right to read the table",
    404: "check the Supabase URL, and that the table is in the exposed schema",
    429: "too many requests: it is tried again",
}

_TOKEN: Final = "sign in again, or give a valid key or access token"

_BY_CODE: Final = {
    "ChannelRateLimitReached": "close some conversations: a connection holds 100 channels",
    "ClientJoinRateLimitReached": "too many agents joined at once: it is tried again",
    "ConnectionRateLimitReached": "close some connections, or raise the project's limit",
    "InvalidJWTToken": _TOKEN,
    "JwtSignatureError": _TOKEN,
    "MalformedJWT": _TOKEN,
    "PrivateOnly": "allow public channels in the project's Realtime settings",
    "RealtimeDisabledForTenant": "restore the project in its dashboard",
    "Unauthorized": "give the user the right to read this channel",
    "Token has expired": _TOKEN,
    "Unable to subscribe": "enable Realtime for the table, and check its columns",
}
"""By the beginning of what the server says (`realtime_channel.ex`, `subscriptions.ex`)."""


def handshake(status: int) -> str:
    """The sentence for a connection that was answered with an HTTP `status`."""
    why = _HANDSHAKES.get(status, "the server failed: it is tried again")
    return f"Supabase Realtime answered {status}: {why}"


def unreachable(error: Exception) -> str:
    """The sentence for a server that no connection to could be had."""
    number = getattr(error, "errno", None) or 0
    why = os.strerror(number) if number > 0 else type(error).__name__
    return f"Supabase cannot be reached ({why}): check its URL and the network"


def closed(code: int | None) -> str:
    """The sentence for a connection that ended, with its WebSocket close code."""
    if code is None or code == _NO_CLOSE_FRAME:
        return "the connection to Supabase broke"
    return f"Supabase closed the connection ({code})"


def broken(code: int | None) -> str:
    """The sentence for a connection that was ended here, with the close code it was ended with."""
    return f"Supabase sent what is no WebSocket message, or one without end ({code})"


def join(reason: str) -> str:
    """The sentence for a join that was answered with an error."""
    return _sentence("Supabase refused the channel", reason)


def subscription(message: str) -> str:
    """The sentence for a channel whose database subscription failed or ended."""
    return _sentence("Supabase does not serve the channel", message)


def no_token(error: Exception) -> str:
    """The sentence for an access token that its source did not give."""
    return f"no access token for Supabase could be had ({type(error).__name__}): sign in again"


def read(table: str, status: int, message: str) -> str:
    """The sentence for rows of `table` that were answered with an HTTP `status`."""
    said = f"Supabase answered {status} for {table}"
    said = f"{said}: {quoted(message)}" if message else said
    advice = _READS.get(status)
    return said if advice is None else f"{said} ({advice})"


def _sentence(what: str, reason: str) -> str:
    advice = next((advice for code, advice in _BY_CODE.items() if reason.startswith(code)), None)
    said = f"{what}: {quoted(reason) or 'it gave no reason'}"
    return said if advice is None else f"{said} ({advice})"
