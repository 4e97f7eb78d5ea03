"""The JSON Web Token both sides share (contract, section 3; RFC 7519).

HS256 and nothing else. `now` is an argument everywhere: a token is judged for a moment, not for
the moment at which the code happens to run.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm
from msgspec import Struct

__all__ = ["DEFAULT_TTL_S", "Claims", "TokenError", "TokenRules", "mint", "verify"]

DEFAULT_TTL_S: Final = 3600
"""Life of a token that the CRM mints, in seconds (contract, section 3)."""

_IAT_LEEWAY_S: Final = 5.0
"""How far ahead of our clock a token may say it was issued: clients round to the next second, and
clocks differ by a few. RFC 7519 ties no validity to `iat`; to `nbf` it does (4.1.5), so that one
is exact."""

_ALGORITHM: Final = "HS256"
_MOST: Final = sys.float_info.max  # JSON's numbers have no end; nobody can compute beyond this one


class _SharedSecret(HMACAlgorithm):
    """HS256 under the deployment's own secret: its length is not ours to warn about."""

    def check_key_length(self, key: bytes) -> str | None:
        return None


# No algorithm but HS256 is known here at all, so that none can be confused with it (S-AUTH-4).
_JWS: Final = jwt.PyJWS(algorithms=[])
_JWS.register_algorithm(_ALGORITHM, _SharedSecret(HMACAlgorithm.SHA256))

_WORKSPACE_CLAIMS: Final = ("workspace_id", "workspaceId", "workspace")
_SUBJECT_CLAIMS: Final = ("sub", "user_id", "userId")


class TokenError(Exception):
    """A token that does not open the door.

    `code` is `unauthorized` (no good token) or `forbidden` (a good token, without a workspace),
    `reason` one sentence without any part of the token.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Claims(Struct, frozen=True):
    """What a verified token says: whose it is, and until when (seconds since the epoch).

    `subject` is "" where the token names nobody.
    """

    workspace_id: str
    subject: str
    expires_at: float


class TokenRules(Struct, frozen=True):
    """How a server verifies: the shared secret, and `iss` and `aud` where they are configured."""

    secret: str
    issuer: str | None = None
    audience: str | None = None


def mint(
    rules: TokenRules,
    *,
    workspace_id: str,
    subject: str,
    now: float,
    ttl_s: float = DEFAULT_TTL_S,
    extra: Mapping[str, object] | None = None,
) -> str:
    """Sign a token for `subject` in `workspace_id`, valid from `now` (epoch seconds) for `ttl_s`.

    `extra` claims are added last, so a test may override any claim.
    """
    claims: dict[str, Any] = {
        "workspace_id": workspace_id,
        "sub": subject,
        "iat": int(now),
        "exp": int(now + ttl_s),
    }
    if rules.issuer is not None:
        claims["iss"] = rules.issuer
    if rules.audience is not None:
        claims["aud"] = rules.audience
    payload = msgspec.json.encode(claims | dict(extra or {}))
    return _JWS.encode(payload, rules.secret, algorithm=_ALGORITHM)


def verify(token: object, rules: TokenRules, *, now: float) -> Claims:
    """Judge `token` at `now` (epoch seconds); raises `TokenError` (S-AUTH-1 to S-AUTH-10)."""
    if not isinstance(token, str) or not token:
        raise TokenError("unauthorized", "no token")
    claims = _verified_claims(token, rules)
    expires_at = _moment(claims, "exp")
    if expires_at is None:
        raise TokenError("unauthorized", "token without an expiry")
    if expires_at <= now:
        raise TokenError("unauthorized", "token expired")
    if (_moment(claims, "nbf") or 0) > now or (_moment(claims, "iat") or 0) > now + _IAT_LEEWAY_S:
        raise TokenError("unauthorized", "token not yet valid")
    workspace_id = _first_id(claims, _WORKSPACE_CLAIMS)
    if workspace_id is None:
        raise TokenError("forbidden", "token without a workspace")
    return Claims(workspace_id, _first_id(claims, _SUBJECT_CLAIMS) or "", expires_at)


def _verified_claims(token: str, rules: TokenRules) -> dict[str, Any]:
    """Check form, signature, algorithm, issuer and audience; the times are for `verify`."""
    try:
        payload = _JWS.decode(token, rules.secret, algorithms=[_ALGORITHM])
        claims = msgspec.json.decode(payload, type=dict[str, Any])
    except jwt.InvalidAlgorithmError:
        raise TokenError("unauthorized", "token signed with another algorithm") from None
    except jwt.InvalidSignatureError:
        raise TokenError("unauthorized", "token with a wrong signature") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        # PyJWT lets some of its parsers' own errors through for hostile headers.
        raise TokenError("unauthorized", "malformed token") from None
    if rules.issuer is not None and claims.get("iss") != rules.issuer:
        raise TokenError("unauthorized", "token of another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if rules.audience is not None and rules.audience not in audiences:
        raise TokenError("unauthorized", "token for another audience")
    return claims


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate claim (RFC 7519, section 2) or None; raises `TokenError` for another type."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _MOST:
        raise TokenError("unauthorized", f"token whose {name} is no moment")
    return value


def _first_id(claims: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of the claims that names somebody; a number counts as its digits (S-AUTH-8)."""
    for value in map(claims.get, names):
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None
