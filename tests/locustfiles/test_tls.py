"""A server behind TLS whose certificate the system does not know."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from tests.locustfiles.broken_server import broken_server
from tests.locustfiles.runs import finished, locust, one_sentence, only_record

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_server_behind_tls(tmp_path: Path, certificate: Path) -> None:
    """With --ca-file sockets and webhooks go over TLS; without, one sentence says why not."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with broken_server(tls=tls) as server:
        assert server.url.startswith("https://")
        arguments = locust(server.url, tmp_path / "out", "--headless")
        refused = await finished(*arguments)
        assert refused.code == 3
        expected = f"The TLS certificate of 127.0.0.1:{server.port} is not trusted: self-signed"
        assert one_sentence(refused).startswith(expected)
        ended = await finished(*arguments, "--ca-file", str(certificate))
        record = only_record(ended, tmp_path / "out", "pass")
        assert record.deliveries.received == server.deliveries["delivered"] > 0
