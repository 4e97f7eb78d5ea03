"""What a run is asked for: options before the file, secrets from the environment."""

from pathlib import Path

import pytest

from conformance.generated.failures import save
from conformance.settings import Options, Settings, SettingsError, read_settings
from tests.conformance.generated.samples import failure

DEPLOYED = {"CHATENGINE_JWT_SECRET": "a secret of thirty-two characters", "UNRELATED": "x"}


def read(
    folder: Path, options: Options | None = None, variables: dict[str, str] | None = None
) -> Settings:
    """The settings of a run started in `folder`."""
    return read_settings(options or Options(), variables or {}, folder, 77)


def test_with_nothing_given_both_sides_try_our_own(tmp_path: Path) -> None:
    """The self-check: the fake server and the reference client, results in out/conformance."""
    settings = read(tmp_path)
    assert settings.targets == {"server": "the fake ChatEngine", "client": "the reference client"}
    assert settings.results == tmp_path / "out/conformance/results.json"
    assert settings.page == tmp_path / "out/conformance/report.html"
    assert (settings.seed, settings.profile) == (77, "ci")


@pytest.mark.parametrize(
    ("options", "sides"),
    [
        (Options(server_cmd="node server.js"), {"server"}),
        (Options(server_url="http://127.0.0.1:1"), {"server"}),
        (Options(client_cmd="node adapter.js"), {"client"}),
        (Options(client_cmd="node adapter.js", server_cmd="node server.js"), {"server", "client"}),
        (Options(side="client"), {"client"}),
        (Options(), {"server", "client"}),
    ],
)
def test_what_is_named_is_what_runs(tmp_path: Path, options: Options, sides: set[str]) -> None:
    """A server selects the server suite, an adapter the client suite, nothing both."""
    assert read(tmp_path, options, DEPLOYED).sides == sides


def test_the_file_holds_what_does_not_change(tmp_path: Path) -> None:
    """Every setting of the file is read, and the side that it names is the one that runs."""
    (tmp_path / "known.yaml").write_text("")
    (tmp_path / "conformance.toml").write_text(
        'profile = "night"\nseed = 7\nresults = "r/results.json"\nknown-failing = "known.yaml"\n'
        "[server]\ncommand = \"node 'my server.js'\"\ncapabilities = ['typing']\n"
    )
    settings = read(tmp_path)
    assert settings.sides == {"server"}
    assert settings.server.command == ("node", "my server.js")
    assert settings.server.capabilities == frozenset({"typing"})
    assert (settings.seed, settings.profile) == (7, "night")
    assert settings.results == tmp_path / "r/results.json"
    assert settings.known_failing == tmp_path / "known.yaml"


def test_an_option_goes_before_the_file(tmp_path: Path) -> None:
    """What the command line says wins, and a side it names is the only one that runs."""
    (tmp_path / "conformance.toml").write_text(
        'seed = 7\n[server]\nurl = "http://127.0.0.1:1"\n[client]\ncommand = "a"\n'
    )
    settings = read(tmp_path, Options(server_cmd="b", seed=8, profile="night"), DEPLOYED)
    assert settings.sides == {"server"}
    assert settings.targets == {"server": "b"}
    assert settings.server.url is None
    assert (settings.seed, settings.profile) == (8, "night")


def test_a_server_at_a_url_is_known_by_the_environment_it_was_given(tmp_path: Path) -> None:
    """The variables of the contract's section 10 are read; the instances may be the usual ones."""
    options = Options(server_url="https://chat.example/")
    settings = read(tmp_path, options, {**DEPLOYED, "EVOLUTION_API_URL": "http://127.0.0.1:4003/"})
    assert settings.server.url == "https://chat.example"
    assert settings.server.deployed is not None
    assert settings.server.deployed.secret == DEPLOYED["CHATENGINE_JWT_SECRET"]
    assert set(settings.server.deployed.instances) == {"sales-1", "support-1"}
    assert settings.server.deployed.provider.url == "http://127.0.0.1:4003"


def test_nothing_secret_is_told(tmp_path: Path) -> None:
    """Neither the secret nor a URL's password is in what may be printed."""
    options = Options(server_url="https://user:hunter2@chat.example")
    settings = read(tmp_path, options, DEPLOYED)
    assert settings.targets == {"server": "https://chat.example"}
    assert DEPLOYED["CHATENGINE_JWT_SECRET"] not in repr(settings.server.deployed)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            Options(server_cmd="x", server_url="http://x"),
            "A server is tried at a URL or by a command, not both.",
        ),
        (Options(server_url="chat.example"), "The server's URL is not an absolute http(s) URL."),
        (Options(server_url="http://x"), "CHATENGINE_JWT_SECRET is not set"),
        (
            Options(server_cmd="node '"),
            "The server's command cannot be read: No closing quotation.",
        ),
        (Options(client_cmd=" "), "The client's command is empty."),
        (
            Options(side="client", server_cmd="x"),
            "A server is named, but the client suite is asked.",
        ),
        (
            Options(server_cmd="x", only=("C-SUB-1",)),
            "C-SUB-1 is a client's, and no client is tried.",
        ),
        (
            Options(only=("S-SUB-9",)),
            "The contract has no requirement S-SUB-9; S-SUB-4 is the nearest.",
        ),
        (Options(config="none.toml"), "none.toml cannot be read: No such file or directory."),
    ],
)
def test_each_mistake_is_one_sentence(tmp_path: Path, options: Options, sentence: str) -> None:
    """A mistake of the command line is named, and what could be done about it."""
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, options)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("profile = 'day'", "conformance.toml: Invalid enum value 'day' - at `$.profile`."),
        ("seeds = 1", "conformance.toml: Object contains unknown field `seeds`."),
        ("[server]\nurl = 1", "conformance.toml: Expected `str | null`, got `int` - at `$.server"),
        ("[server", "conformance.toml is not TOML: "),
        (
            "[server]\ncapabilities = ['typign']",
            "conformance.toml: a server has no capability typign; there are iss_aud, "
            "message_scope, polling, typing.",
        ),
        (
            "[server]\nurl = 'http://x'\ncommand = 'x'",
            "conformance.toml: a server has a url or a command, not both.",
        ),
    ],
)
def test_each_mistake_of_the_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    """The file and what is wrong in it are named."""
    (tmp_path / "conformance.toml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        read(tmp_path)
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"check": 7}', "\xff"])
def test_a_replay_file_is_a_counterexample(tmp_path: Path, text: str) -> None:
    """What is none is nothing to replay; one that is names its check, and what it blames."""
    (tmp_path / "failure.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match="is nothing to replay"):
        read(tmp_path, Options(replay="failure.json"))
    save(tmp_path / "failure.json", failure("server/test_x.py::test_y", "S-SUB-1"))
    settings = read(tmp_path, Options(replay="failure.json"))
    assert settings.only == {"S-SUB-1"}
    assert settings.replayed == "server/test_x.py::test_y"
    assert settings.replay == tmp_path / "failure.json"
