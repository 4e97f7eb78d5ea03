"""JSON as the packets need it: msgspec's speed, JavaScript's tolerance, one error."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from chatengine.packets.errors import PacketError

__all__ = ["decode_json", "encode_json"]


def encode_json(value: Any) -> str:
    """Encode without white space, as `JSON.stringify` does; PacketError where that is impossible.

    Structs and dataclasses become objects. A lone surrogate cannot be sent in UTF-8 and is refused.
    """
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PacketError(f"cannot be encoded as JSON: {error}") from error


def decode_json(text: str) -> Any:
    r"""Decode one JSON value; PacketError for anything else, however deep it is nested.

    JavaScript cuts strings between two surrogates and sends the half as `\ud83d`. msgspec refuses
    that and Node does not, so a lone surrogate is read as U+FFFD, like `TextEncoder` writes it.
    """
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        if "\\u" not in text:
            raise PacketError(f"not JSON: {error}") from error
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        whole = json.dumps(value, ensure_ascii=False)
        return msgspec.json.decode(
            whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    except (ValueError, RecursionError) as error:
        raise PacketError(f"not JSON: {error}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
