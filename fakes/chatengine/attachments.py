"""Uploaded files: kept in memory, within bounds, and served back under a URL nobody can guess."""

import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http_exceptions import BadHttpMessage
from msgspec import Struct

from chatengine.payloads import Attachment, MessageType
from fakes.chatengine.answers import Refusal

__all__ = ["FILES_PATH", "Attachments", "File", "read_upload"]

FILES_PATH: Final = "/api/files"
"""Outside `/api/chat`, where every call needs a token: an `<img>` and the provider have none."""

_MOST_BYTES: Final = 256 * 1024 * 1024
"""All files together."""

_LONGEST_NAME: Final = 255
_CHUNK: Final = 64 * 1024
_SHOWN: Final = ("image/", "video/", "audio/")


class File(Struct, frozen=True):
    """An uploaded file, as its sender named it."""

    name: str
    mime_type: str
    content: bytes

    @property
    def type(self) -> MessageType:
        """The type of a message that carries it."""
        match self.mime_type.partition("/")[0]:
            case "image":
                return "image"
            case "video":
                return "video"
            case "audio":
                return "audio"
            case _:
                return "file"


class Attachments:
    """The files, by an id that is as good as a password; the oldest go beyond `most_bytes`."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._files: OrderedDict[str, File] = OrderedDict()
        self._bytes = 0

    def keep(self, file: File, base_url: str) -> Attachment:
        """Keep a file and return what a message says of it; `message_id` is yet to come."""
        id = f"file-{secrets.token_urlsafe(16)}"
        self._files[id] = file
        self._bytes += len(file.content)
        while self._bytes > self._most_bytes:
            _, oldest = self._files.popitem(last=False)
            self._bytes -= len(oldest.content)
        return Attachment(
            id=id,
            message_id="",
            type=file.type,
            url=f"{base_url}{FILES_PATH}/{id}/{quote(file.name, safe='')}",
            metadata={
                "filename": file.name,
                "size": len(file.content),
                "mimeType": file.mime_type,
            },
        )

    def get(self, id: str) -> File | None:
        """Return a file, while it is kept."""
        return self._files.get(id)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with a file, so that a browser shows media and never runs anything."""
        file = self.get(request.match_info["id"])
        if file is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no such file")
        shown = file.mime_type.startswith(_SHOWN) and "svg" not in file.mime_type
        headers = {
            hdrs.CONTENT_TYPE: file.mime_type if shown else "application/octet-stream",
            hdrs.CONTENT_DISPOSITION: "inline" if shown else "attachment",
            hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
            "Content-Security-Policy": "sandbox",
        }
        return web.Response(body=file.content, headers=headers)


async def read_upload(request: web.Request, limit: int) -> File:
    """Read the part called `file`; raises `Refusal`, 413 as soon as it has over `limit` bytes."""
    try:
        async for part in _parts(request):
            if part.name == "file":
                content = await _content(part, limit)
                return File(_name(part), _mime_type(part), content)
    except (BadHttpMessage, ValueError, LookupError, AssertionError):
        # aiohttp's parser says so of boundaries, headers and encodings that are none.
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is not multipart/form-data") from None
    raise Refusal(HTTPStatus.BAD_REQUEST, "the form has no file")


async def _parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    if request.content_type != "multipart/form-data":
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body is not multipart/form-data")
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader):
            yield part


async def _content(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        content += chunk
        if len(content) > limit:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the file is larger than {limit} bytes"
            )
    return bytes(content)


def _name(part: BodyPartReader) -> str:
    """Return the last part of the name, as some browsers send a whole path."""
    name = (part.filename or "").replace("\\", "/").rpartition("/")[2]
    return name.encode(errors="replace").decode()[:_LONGEST_NAME] or "file"


def _mime_type(part: BodyPartReader) -> str:
    """Return the type without its parameters, if it is one at all."""
    text = part.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    kind, slash, detail = text.partition("/")
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789.+-_")
    valid = slash and kind and detail and set(kind + detail) <= allowed and len(text) < 128
    return text if valid else "application/octet-stream"
