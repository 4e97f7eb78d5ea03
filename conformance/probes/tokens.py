"""Tokens, good and bad: signed by hand, so that any header and any claim can be told (RFC 7519)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fakes.chatengine.settings import ChatEngineSettings

__all__ = ["claims_of", "signed", "unsigned"]

_HASHES: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
_TTL_S: Final = 3600


def claims_of(settings: ChatEngineSettings, workspace_id: str, user: str) -> dict[str, Any]:
    """The claims of a good token for this server, valid for an hour from now (section 3)."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "workspace_id": workspace_id,
        "sub": user,
        "iat": now,
        "exp": now + _TTL_S,
    }
    if settings.issuer is not None:
        claims["iss"] = settings.issuer
    if settings.audience is not None:
        claims["aud"] = settings.audience
    return claims


def signed(
    claims: Mapping[str, Any], secret: str, *, algorithm: str = "HS256", says: str | None = None
) -> str:
    """Sign with HMAC. The header names `algorithm`, or says something else about it."""
    body = unsigned(claims, says or algorithm).rpartition(".")[0]
    signature = hmac.digest(secret.encode(), body.encode(), _HASHES[algorithm])
    return f"{body}.{_base64(signature)}"


def unsigned(claims: Mapping[str, Any], algorithm: str = "none") -> str:
    """Leave the third part empty, whatever the header says of it."""
    header = {"alg": algorithm, "typ": "JWT"}
    return f"{_base64(msgspec.json.encode(header))}.{_base64(msgspec.json.encode(claims))}."


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
