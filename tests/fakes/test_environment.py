"""Settings from the environment: typed values, and one sentence for each mistake."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.environment import Environment, Instance, Secret, SettingsError

Read = Callable[[Environment], Any]


@pytest.mark.parametrize(
    ("variables", "read", "value"),
    [
        ({}, lambda e: e.text("HOST", "127.0.0.1"), "127.0.0.1"),
        ({"HOST": ""}, lambda e: e.text("HOST", "127.0.0.1"), "127.0.0.1"),
        ({"HOST": "::1"}, lambda e: e.text("HOST", "127.0.0.1"), "::1"),
        ({}, lambda e: e.optional("X"), None),
        ({}, lambda e: e.port("PORT"), 0),
        ({"PORT": "65535"}, lambda e: e.port("PORT"), 65535),
        ({"N": "007"}, lambda e: e.whole("N", 1), 7),
        ({}, lambda e: e.flag("F", True), True),
        ({"F": "False"}, lambda e: e.flag("F", True), False),
        ({"F": "1"}, lambda e: e.flag("F", False), True),
        (
            {"INSTANCES": '{"a": {"workspaceId": "w", "whatsappNumberId": "n", "more": 1}}'},
            lambda e: e.instances(),
            {"a": Instance("w", "n")},
        ),
        (
            {"INSTANCES": '{"a": {"workspaceId": "w"}}'},
            lambda e: e.instances(),
            {"a": Instance("w")},
        ),
    ],
)
def test_settings_are_read(variables: dict[str, str], read: Read, value: object) -> None:
    """A variable has its type; an empty or missing one is the default."""
    assert read(Environment(variables)) == value


@pytest.mark.parametrize(
    ("variables", "read", "sentence"),
    [
        ({}, lambda e: e.required("KEY"), "KEY is not set"),
        ({"KEY": ""}, lambda e: e.required("KEY"), "KEY is not set"),
        (
            {"PORT": "65536"},
            lambda e: e.port("PORT"),
            "PORT is not a whole number from 0 to 65535: 65536",
        ),
        (
            {"PORT": "-1"},
            lambda e: e.port("PORT"),
            "PORT is not a whole number from 0 to 65535: -1",
        ),
        (
            {"PORT": "٣"},
            lambda e: e.port("PORT"),
            "PORT is not a whole number from 0 to 65535: ٣",
        ),
        ({"F": "yes"}, lambda e: e.flag("F", True), "F is neither true nor false: yes"),
        ({}, lambda e: e.instances(), "INSTANCES is not set"),
        ({"INSTANCES": "{}"}, lambda e: e.instances(), "INSTANCES names no instance"),
        (
            {"INSTANCES": '{"a": {}}'},
            lambda e: e.instances(),
            "INSTANCES is not the JSON of instances: "
            "Object missing required field `workspaceId` - at `$[...]`",
        ),
    ],
)
def test_a_mistake_is_one_sentence(variables: dict[str, str], read: Read, sentence: str) -> None:
    """The sentence names the variable and what it may be."""
    with pytest.raises(SettingsError) as caught:
        read(Environment(variables))
    assert str(caught.value) == sentence


@given(st.text())
def test_any_text_is_a_setting_or_a_settings_error(text: str) -> None:
    """Whatever a variable holds, nothing but `SettingsError` is raised."""
    environment = Environment({"X": text})
    reads: list[Read] = [
        lambda e: e.port("X"), lambda e: e.flag("X", True), lambda e: e.instances("X")
    ]  # fmt: skip
    for read in reads:
        with suppress(SettingsError):
            read(environment)


def test_a_secret_keeps_out_of_representations() -> None:
    """It works as a text, and does not show itself where a settings object is printed."""
    secret = Secret("hunter2")
    assert secret == "hunter2"
    assert "hunter2" not in repr({"settings": [secret]}) + f"{secret!r}"
