"""LISTEN and TARGET, as a person writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.environment import SettingsError
from fakes.network import Address, parse_listen, parse_target


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("4010", Address("127.0.0.1", 4010)),
        (":0", Address("127.0.0.1", 0)),
        ("0.0.0.0:4010", Address("0.0.0.0", 4010)),
        ("[::1]:4010", Address("::1", 4010)),
        ("localhost:4010", Address("localhost", 4010)),
    ],
)
def test_where_to_listen(text: str, address: Address) -> None:
    """On loopback unless a host is named."""
    assert parse_listen(text) == address
    assert str(Address("::1", 1)) == "[::1]:1"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("4001", Address("127.0.0.1", 4001)),
        ("example.org:443", Address("example.org", 443)),
        ("http://127.0.0.1:4001/api", Address("127.0.0.1", 4001)),
        ("wss://example.org", Address("example.org", 443)),
        ("ws://[::1]", Address("::1", 80)),
    ],
)
def test_whom_to_stand_in_front_of(text: str, address: Address) -> None:
    """An address, or the URL of what is there."""
    assert parse_target(text) == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "TARGET is not HOST:PORT with a port from 1 to 65535: "),
        ("0", "TARGET is not HOST:PORT with a port from 1 to 65535: 0"),
        ("example.org", "TARGET is not HOST:PORT with a port from 1 to 65535: example.org"),
        ("a:65536", "TARGET is not HOST:PORT with a port from 1 to 65535: a:65536"),
        ("::1:80", "TARGET has an IPv6 address without brackets: ::1:80"),
        ("ftp://user:password@example.org", "TARGET is no http(s) or ws(s) URL"),
        ("http://example.org:port", "TARGET is no URL"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, sentence: str) -> None:
    """It says which of the two, and does not quote a URL, which may hold a password."""
    with pytest.raises(SettingsError) as caught:
        parse_target(text)
    assert str(caught.value) == sentence


@given(st.text() | st.text(alphabet="0123456789:[]./htps@"))
def test_any_text_is_an_address_or_a_settings_error(text: str) -> None:
    """Nothing else is raised."""
    for parse in (parse_listen, parse_target):
        try:
            address = parse(text)
        except SettingsError:
            continue
        assert 0 <= address.port <= 65_535
