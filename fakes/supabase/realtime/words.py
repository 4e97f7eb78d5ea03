"""What Realtime says of a token it does not take: at the handshake, at a join, and later on.

From `UserSocket.error_response`, `RealtimeChannel.join` and its `shutdown_response` in the source.
"""

from http import HTTPStatus
from typing import Final

from msgspec import Struct

from fakes.supabase.keys import Problem, TokenProblem

__all__ = ["at_handshake", "at_join", "in_channel"]

_NO_JWT: Final = "The token provided is not a valid JWT"
_CLAIMS: Final = "Fields `role` and `exp` are required in JWT"
_SIGNER: Final = "Failed to generate JWT signer, check your JWT secret or JWKS configuration"
_SIGNATURE: Final = "Failed to validate JWT signature"


class _Words(Struct, frozen=True):
    handshake: str
    join: str
    channel: str
    status: HTTPStatus = HTTPStatus.UNAUTHORIZED


_WORDS: Final[dict[Problem, _Words]] = {
    "malformed": _Words(_NO_JWT, f"MalformedJWT: {_NO_JWT}", _NO_JWT),
    "signature": _Words(_SIGNATURE, f"JwtSignatureError: {_SIGNATURE}", ":signature_error"),
    "algorithm": _Words(_SIGNER, f"JwtSignerError: {_SIGNER}", ":error_generating_signer"),
    "claims": _Words(_CLAIMS, f"InvalidJWTToken: {_CLAIMS}", _CLAIMS),
    "times": _Words(
        "Error connecting to Realtime",
        "Unknown Error on Channel",
        "invalid claim",
        HTTPStatus.INTERNAL_SERVER_ERROR,
    ),
    "expired": _Words(
        "Token has expired",
        "InvalidJWTToken: Token has expired {late} seconds ago",
        "Token has expired {late} seconds ago",
    ),
}


def at_handshake(problem: TokenProblem) -> tuple[HTTPStatus, str]:
    """Return the status and the error of a refused handshake."""
    words = _WORDS[problem.problem]
    return words.status, words.handshake


def at_join(problem: TokenProblem) -> str:
    """Return the reason of a refused join."""
    return _WORDS[problem.problem].join.format(late=problem.late_s)


def in_channel(problem: TokenProblem) -> str:
    """Return the message of the `system` event before the channel is closed."""
    return _WORDS[problem.problem].channel.format(late=problem.late_s)
