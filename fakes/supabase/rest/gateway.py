"""What stands before PostgREST: the API key, the bearer's token, and CORS."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import hdrs, web

from fakes.supabase.keys import Claims, Keys, TokenProblem
from fakes.supabase.policy import ROLES
from fakes.supabase.rest.calls import JSON, Answer
from fakes.supabase.rest.errors import RestError, bad_token, bad_token_claim, unknown_role

__all__ = ["CORS_HEADERS", "GatewayError", "authenticate", "preflight"]

_EXPOSED: Final = (
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, "
    "Transfer-Encoding, Range-Unit"
)
CORS_HEADERS: Final[Mapping[str, str]] = {
    hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
    hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: _EXPOSED,
}
"""What a browser needs to see in every answer: any page may ask."""

_METHODS: Final = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
_PREFLIGHT_S: Final = "3600"
_ROLES_OF_KEYS: Final = ("anon", "service_role")
"""A user's token is no API key, though it is signed with the same secret."""


class GatewayError(Exception):
    """A request that does not reach PostgREST: its body is `{"message", "hint"}`, always 401."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    @property
    def answer(self) -> Answer:
        """What is answered."""
        body = msgspec.json.encode({"message": self.message, "hint": self.hint})
        return Answer(HTTPStatus.UNAUTHORIZED, {hdrs.CONTENT_TYPE: JSON}, body)


def authenticate(request: web.Request, keys: Keys, now: float) -> Claims:
    """Return as whom a request is made: its bearer, or its API key where it names none.

    Raises `GatewayError` without a good `apikey` (header or parameter), and `RestError` (PGRST301,
    PGRST303, 22023) for a bad bearer token. PostgREST lets a token live 30 s longer; the fake
    does not.
    """
    key = request.headers.get("apikey") or request.query.get("apikey")
    if not key:
        raise GatewayError(
            "No API key found in request", "No `apikey` request header or url param was found."
        )
    claims = _api_key(key, keys, now)
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        claims = _bearer(token.strip(), keys, now)
    if claims.role not in ROLES:
        raise unknown_role(claims.role)
    return claims


def _api_key(key: str, keys: Keys, now: float) -> Claims:
    try:
        claims = keys.verify(key, now=now)
    except TokenProblem:
        claims = None
    if claims is None or claims.role not in _ROLES_OF_KEYS:
        raise GatewayError(
            "Invalid API key", "Double check your Supabase `anon` or `service_role` API key."
        )
    return claims


def _bearer(token: str, keys: Keys, now: float) -> Claims:
    if not token:
        raise bad_token("Empty JWT is sent in Authorization header")
    parts = token.count(".") + 1
    if parts != 3:
        raise bad_token(f"Expected 3 parts in JWT; got {parts}")
    try:
        return keys.verify(token, now=now)
    except TokenProblem as problem:
        raise _refusal(problem) from None


def _refusal(problem: TokenProblem) -> RestError:
    match problem.problem:
        case "expired":
            return bad_token_claim("JWT expired")
        case "times":
            return bad_token_claim("The JWT 'exp' claim must be a number")
        case "claims":
            return bad_token_claim("Parsing claims failed")
        case "signature":
            return bad_token(
                "No suitable key or wrong key type", "None of the keys was able to decode the JWT"
            )
        case "algorithm":
            return bad_token("Wrong or unsupported encoding algorithm")
        case "malformed":
            return bad_token("JWT cryptographic operation failed")


def preflight(request: web.Request) -> web.Response:
    """Answer a browser that asks beforehand: all it wants to send is allowed."""
    wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
    headers = {
        hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
        hdrs.ACCESS_CONTROL_MAX_AGE: _PREFLIGHT_S,
    }
    if wanted:
        headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted
    return web.Response(status=HTTPStatus.OK, headers=headers)
