"""The keys of the project and the tokens of its users: JSON Web Tokens under one secret.

As Supabase has them: HS256, `role` and an integer `exp` in every one (RFC 7519). An API key is
such a token too, with a life of years. `workspace_id` says whose rows its bearer may see.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import unquote

import jwt
import msgspec
from msgspec import Struct

from fakes.environment import Secret

__all__ = ["SHORTEST_SECRET", "Claims", "Keys", "Problem", "TokenProblem"]

SHORTEST_SECRET: Final = 32
"""Characters: HS256 wants 256 bits (RFC 7518, 3.2), and so does Supabase."""

_ISSUED: Final = 1_735_689_600  # 2025-01-01 and 2045-01-01: of one secret the keys are always
_EXPIRES: Final = 2_366_841_600  # the same, so that they can be written into a configuration
_ALGORITHM: Final = "HS256"
_JWS: Final = jwt.PyJWS(algorithms=[_ALGORITHM])

Problem = Literal["malformed", "signature", "algorithm", "claims", "times", "expired"]


class TokenProblem(Exception):
    """A token that is not taken, and why.

    `malformed`: no JWT; `signature`: of another secret; `algorithm`: not HS256; `claims`: no
    `role` or no `exp`; `times`: an `exp` or `iat` that is no number; `expired`: `late_s` seconds
    ago.
    """

    def __init__(self, problem: Problem, late_s: int = 0) -> None:
        super().__init__(problem, late_s)
        self.problem = problem
        self.late_s = late_s


class Claims(Struct, frozen=True):
    """What a verified token says; `expires_at` in seconds since the epoch, `all` of its claims."""

    role: str
    expires_at: int
    workspace_id: str | None = None
    subject: str | None = None
    all: dict[str, Any] = {}


class Keys:
    """Mints and verifies under the project's secret, of `SHORTEST_SECRET` characters or more."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def anon(self, workspace_id: str | None = None) -> str:
        """Return the public API key, of a workspace where one is given."""
        return self.mint("anon", _ISSUED, _EXPIRES, workspace_id=workspace_id)

    def service(self) -> str:
        """Return the API key that sees everything."""
        return self.mint("service_role", _ISSUED, _EXPIRES)

    def user(
        self, workspace_id: str | None, user_id: str, *, now: float, ttl_s: float = 3600
    ) -> str:
        """Return a signed-in user's token, valid from `now` (epoch seconds) for `ttl_s`."""
        return self.mint(
            "authenticated", int(now), int(now + ttl_s), workspace_id=workspace_id, sub=user_id
        )

    def mint(self, role: str | None, issued: int, expires: int, **claims: object) -> str:
        """Sign a token; a claim of None is left out, and one that is given again overrides."""
        everything = {"iss": "supabase", "role": role, "iat": issued, "exp": expires} | claims
        given = {name: value for name, value in everything.items() if value is not None}
        return _JWS.encode(msgspec.json.encode(given), self._secret, algorithm=_ALGORITHM)

    def verify(self, token: str, *, now: float) -> Claims:
        """Judge a token at `now` (epoch seconds); raises `TokenProblem`."""
        claims = self._signed_claims("".join(unquote(token).split()))
        if not all(_is_number(claims.get(name, 0)) for name in ("exp", "iat")):
            raise TokenProblem("times")
        role, expires = claims.get("role"), claims.get("exp")
        if not isinstance(role, str) or expires is None:
            raise TokenProblem("claims")
        if expires <= now:
            raise TokenProblem("expired", int(now) - round(expires))
        return Claims(
            role, round(expires), _text(claims, "workspace_id"), _text(claims, "sub"), dict(claims)
        )

    def _signed_claims(self, token: str) -> Mapping[str, Any]:
        try:
            payload = _JWS.decode(token, self._secret, algorithms=[_ALGORITHM])
            return msgspec.json.decode(payload, type=dict[str, Any])
        except jwt.InvalidSignatureError:
            raise TokenProblem("signature") from None
        except jwt.InvalidAlgorithmError:
            raise TokenProblem("algorithm") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            # PyJWT lets some of its parsers' own errors through for hostile headers.
            raise TokenProblem("malformed") from None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return None if value is None else str(value)
