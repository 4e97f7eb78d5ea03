"""The configuration: read as the adapter protocol writes it, every mistake one sentence."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
from rich.console import Console

from chatengine.client.config import (
    ChatEngineConfig,
    ClientConfig,
    ConfigError,
    SupabaseConfig,
    Timing,
    TokenConfig,
    read_config,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE: dict[str, Any] = {
    "chatengine": {"url": "http://127.0.0.1:4001", "path": "/api/ws", "unknown": 1},
    "supabase": {"url": "http://127.0.0.1:4002", "anonKey": "the-anon-key"},
    "token": {
        "secret": "the-secret",
        "ttlSeconds": 3600,
        "claims": {"workspace_id": "w-1", "sub": "agent-1"},
    },
    "workspaceId": "w-1",
    "userId": "agent-1",
    "whatsappNumberId": "n-1",
    "timing": {"reconnectDelayMs": 100, "reconnectDelayMaxMs": 1000, "unknown": 1},
    "unknown": {},
}


def sentence(**changed: Any) -> str:
    """What is said of a configuration with these changes."""
    with pytest.raises(ConfigError) as caught:
        read_config(WHOLE | changed)
    return str(caught.value)


def test_the_adapters_config_is_read() -> None:
    """Every field of the adapter protocol has its place; unknown ones are ignored."""
    assert read_config(WHOLE) == ClientConfig(
        workspace_id="w-1",
        user_id="agent-1",
        whatsapp_number_id="n-1",
        chatengine=ChatEngineConfig(url="http://127.0.0.1:4001"),
        supabase=SupabaseConfig(url="http://127.0.0.1:4002", anon_key="the-anon-key"),
        token=TokenConfig(secret="the-secret", claims={"workspace_id": "w-1", "sub": "agent-1"}),
        timing=Timing(reconnect_delay_ms=100, reconnect_delay_max_ms=1000),
    )


def test_what_is_null_is_not_configured() -> None:
    """C-CONN-1: neither service, no token and no number is a configuration too."""
    nothing = dict.fromkeys(("chatengine", "supabase", "token", "whatsappNumberId", "timing"))
    assert read_config(WHOLE | nothing) == ClientConfig(workspace_id="w-1", user_id="agent-1")
    assert read_config(WHOLE | nothing | {"timing": {}}) == read_config(WHOLE | nothing)


@pytest.mark.parametrize("written", [500, 500.0, "500"])
def test_a_number_is_read_as_other_languages_write_it(written: object) -> None:
    """500, 500.0 and "500" are one duration."""
    timing = read_config(WHOLE | {"timing": {"pollIntervalMs": written}}).timing
    assert timing == Timing(poll_interval_ms=500)


def test_default_timing_keeps_what_the_contract_promises() -> None:
    """C-CONN-3, C-SND-4, C-TYP-2, C-FBK-2 and C-FBK-3 hold with the defaults."""
    timing = Timing()
    assert max(timing.reconnect_delay_max_ms, timing.connect_timeout_ms) < 5000
    assert timing.send_timeout_ms < 10_000
    assert timing.typing_expiry_ms == 5000
    assert timing.fallback_after_ms < 2000
    assert timing.release_after_ms < 5000


@pytest.mark.parametrize(
    "url", ["", "crm", "ftp://h", "http://", "http://[", "http://h:99999", "//h"]
)
def test_what_is_no_url(url: str) -> None:
    """Only absolute http(s) URLs are addresses of services."""
    assert sentence(chatengine={"url": url}) == "chatengine.url is not an http(s) URL"
    assert sentence(supabase={"url": url, "anonKey": "k"}) == "supabase.url is not an http(s) URL"


@pytest.mark.parametrize("more", ["/prefix", "/?a=1", "/#a"])
def test_chatengines_url_is_an_origin(more: str) -> None:
    """Contract, section 2: `http(s)://host[:port]`; a slash behind it does no harm."""
    said = sentence(chatengine={"url": f"http://h:1{more}"})
    assert said == "chatengine.url has more than http(s)://host[:port]"
    assert ChatEngineConfig(url="https://h/").base == "https://h"


def test_mistakes_are_named() -> None:
    """Each sentence names the field as it is written in JSON."""
    assert sentence(workspaceId="") == "workspaceId is empty"
    assert sentence(userId="") == "userId is empty"
    assert sentence(token={"secret": ""}) == "token.secret is empty"
    assert sentence(supabase={"url": "http://h", "anonKey": ""}) == "supabase.anonKey is empty"
    origin = {"url": "http://h"}
    assert sentence(chatengine=origin | {"transports": []}) == "chatengine.transports is empty"
    for path in ("api/ws", "/a?b", "/a b"):
        said = sentence(chatengine=origin | {"path": path})
        assert said == "chatengine.path is not a path that begins with /"
    for ttl in (0, 0.5, -1, float("inf"), float("nan")):
        said = sentence(token={"secret": "s", "ttlSeconds": ttl})
        assert said == "token.ttlSeconds is not a number from 1"
    for least, name in ((1, "pollIntervalMs"), (0, "fallbackAfterMs")):
        for value in (least - 1, 10**12):
            said = sentence(timing={name: value})
            assert said == f"timing.{name} is not from {least} to 86400000 ms"
    said = sentence(timing={"pollIntervalMs": "soon"})
    assert said.startswith("the configuration cannot be read: ")
    assert "timing.pollIntervalMs" in said


@pytest.mark.parametrize("value", [None, [], "{}", 7, {}, {"workspaceId": 1, "userId": "u"}])
def test_what_is_no_configuration(value: object) -> None:
    """Anything else is one `ConfigError`, and no other error."""
    with pytest.raises(ConfigError, match="the configuration cannot be read"):
        read_config(value)


def test_a_struct_built_by_hand_is_checked_as_well() -> None:
    """What exists is valid."""
    with pytest.raises(ConfigError, match="url is not"):
        ChatEngineConfig(url="nowhere")
    with pytest.raises(ConfigError, match="reconnectDelayMs"):
        Timing(reconnect_delay_ms=0)


def test_the_table_of_the_documentation_is_the_configuration() -> None:
    """docs/client.md has every field that `read_config` takes, with its default, and no other."""
    text = (Path(__file__).parents[3] / "docs" / "client.md").read_text()
    table = text.split("## What it is told")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| (.+?) \|", table, re.MULTILINE)
    assert dict(rows) == dict(described(ClientConfig))
    assert len(rows) == len(dict(rows))


def described(part: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The fields of a part as the table has them, those of its parts after each."""
    for each in msgspec.structs.fields(part):
        default: object = each.default
        if each.default_factory is not msgspec.NODEFAULT:
            default = each.default_factory()
        if default == Timing():
            default = {}
        required = default is msgspec.NODEFAULT
        name = prefix + each.encode_name
        yield name, "required" if required else json.dumps(default)
        kinds = (each.type, *get_args(each.type))
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                yield from described(kind, f"{name}.")


def test_secrets_do_not_show() -> None:
    """Neither `repr` nor rich prints a key or a secret; a URL with a password is not quoted."""
    config = read_config(WHOLE)
    console = Console(file=io.StringIO(), width=200)
    console.print(config)
    assert isinstance(console.file, io.StringIO)
    for shown in (repr(config), str(config), console.file.getvalue()):
        assert "the-secret" not in shown
        assert "the-anon-key" not in shown
        assert "ttl_seconds" in shown
    said = sentence(chatengine={"url": "http://user:hunter2@h"})
    assert said == "chatengine.url holds a user or a password"
