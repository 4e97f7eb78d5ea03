"""A server behind TLS whose certificate the system does not know."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.locustfiles.broken_server import broken_server
from tests.locustfiles.runs import finished, locust, one_sentence, only_record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(signed.public_bytes(pem) + secret)
    return path


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
