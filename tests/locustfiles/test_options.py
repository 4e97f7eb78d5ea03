"""The options of a run: what is out of range is named, and subscribers are spread evenly."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from locustfiles.options import OptionError, Options
from tests.locustfiles.option_values import values

HOST = "http://127.0.0.1:8000"


def complaint_of(host: str | None, given: dict[str, Any]) -> str | None:
    """What is wrong with the options, None where they are taken."""
    try:
        Options.read(host, given)
    except OptionError as error:
        return str(error)
    return None


@pytest.fixture(autouse=True, scope="module")
def _secret() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHATENGINE_JWT_SECRET", "s" * 32)
        yield


RANGES = {
    "conversations": (1, 1_000_000),
    "conversations_per_subscriber": (1, 1000),
    "message_rate": (0.001, 20_000),
    "text_bytes": (1, 65_536),
    "publish_seconds": (0, 86_400),
    "settle_seconds": (0.1, 300),
    "timeout_seconds": (0.1, 300),
}


@given(st.sampled_from(sorted(RANGES)), st.floats() | st.integers(-(1 << 60), 1 << 60))
def test_a_number_out_of_range_is_named(name: str, value: float) -> None:
    """Beyond either end, and not a number: one sentence that begins with the option."""
    low, high = RANGES[name]
    assume(not low <= value <= high and not (name == "message_rate" and value == 0))
    with pytest.raises(OptionError, match=f"^--{name.replace('_', '-')} is "):
        Options.read(HOST, values() | {name: value})


@given(
    st.one_of(
        st.none(),
        st.text(),
        st.text().map(lambda rest: f"http://{rest}"),
        st.text("0123456789:[]@/?#%.", max_size=12).map(lambda rest: f"https://{rest}"),
    )
)
def test_a_host_is_a_url_or_is_named(host: str | None) -> None:
    """Whatever is given as the host is a server to try, or an error that names --host."""
    complaint = complaint_of(host, values())
    assert complaint is None or complaint.startswith("--host ")


@given(
    st.sampled_from(["instances", "run_name", "thresholds", "webhook_url", "socket_path"]),
    st.text(),
)
def test_any_text_is_taken_or_named(name: str, text: str) -> None:
    """Free text never raises anything else, nor names another option."""
    complaint = complaint_of(HOST, values() | {name: text})
    assert complaint is None or complaint.startswith(f"--{name.replace('_', '-')}")


def test_a_missing_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the secret there is no run, and the sentence says which variable to set."""
    monkeypatch.delenv("CHATENGINE_JWT_SECRET")
    with pytest.raises(OptionError, match=r"^CHATENGINE_JWT_SECRET is not set"):
        Options.read(HOST, values())


def test_an_instance_without_a_conversation_is_named() -> None:
    """Fewer conversations than instances would leave subscribers without any."""
    with pytest.raises(OptionError, match=r"^--conversations is 1"):
        Options.read(HOST, values("--instances a=1,b=2 --conversations 1"))


def test_a_history_without_a_folder_is_named() -> None:
    """A history is kept beside the report, so there has to be one."""
    with pytest.raises(OptionError, match=r"^--history has no folder to be kept in"):
        Options.read(HOST, values("--out= --history 1000"))
    with pytest.raises(OptionError, match=r"^--history is 99 but must be 0 or from 100 to"):
        Options.read(HOST, values("--history 99"))


def test_an_unreadable_certificate_authority_is_named() -> None:
    """A --ca-file that is not there is told when the context is made."""
    options = Options.read("https://127.0.0.1:1", values("--ca-file /nowhere/ca.pem"))
    with pytest.raises(OptionError, match=r"^--ca-file /nowhere/ca.pem cannot be read"):
        options.tls()


def test_the_record_shows_no_secret() -> None:
    """Neither the shared secret nor what a URL carries besides its place is in the record."""
    webhook = "https://user:hunter2@127.0.0.1:9/hook?token=hunter2"
    options = Options.read(HOST, values(f"--webhook-url {webhook}"))
    shown = str(options.public())
    assert "127.0.0.1:9/hook" in shown
    assert "hunter2" not in shown
    assert "s" * 32 not in shown


@given(
    st.integers(1, 5), st.integers(0, 30), st.integers(1, 12), st.integers(1, 120), st.integers(0)
)
def test_subscribers_open_conversations_of_their_own_workspace_evenly(
    instances: int, more: int, each: int, subscribers: int, first: int
) -> None:
    """A subscriber's conversations are published to its workspace; none is opened by many more."""
    names = ",".join(f"i{n}=w{n}" for n in range(instances))
    line = f"--instances {names} --conversations {instances + more}"
    options = Options.read(HOST, values(f"{line} --conversations-per-subscriber {each}"))
    place = {c.remote_jid: options.instances[c.instance] for c in options.all_conversations()}
    opened = Counter(dict.fromkeys(place, 0))
    for index in range(first, first + subscribers):
        workspace, conversations = options.subscriber(index)
        assert {place[jid] for jid in conversations} == {workspace}
        assert len(conversations) == len(set(conversations))
        opened.update(conversations)
    for workspace in options.instances.values():
        counts = [opened[jid] for jid in place if place[jid] == workspace]
        assert len(counts) >= 1
        assert max(counts) - min(counts) <= 1
