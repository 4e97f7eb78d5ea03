"""What a check makes of schedules: a failure is saved and told, and can be run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.generated.blame import client_blame
from conformance.generated.checking import holds
from conformance.generated.failures import FailureError, read_failure, save
from conformance.generated.schedules import Schedule, ScheduleError, Send, from_json, to_json
from conformance.outcomes import CouldNotRun, Nonconforming
from conformance.settings import Settings
from tests.conformance.generated.model import Model
from tests.conformance.generated.samples import failure

NAME = "client/test_drawn.py::test_drawn_schedules"


def asked(folder: Path, **how: object) -> Settings:
    given = {"sides": frozenset({"client"}), "seed": 7, "results": folder / "results.json"}
    return Settings(**{**given, **how})  # type: ignore[arg-type]


async def hold(target: Model, settings: Settings) -> None:
    await holds(target, "client", client_blame, settings, NAME)


async def test_a_failure_is_saved_told_and_run_again(tmp_path: Path) -> None:
    """What it broke is blamed, with the file; that file fails again, unless the bug is gone."""
    with pytest.raises(Nonconforming) as broken:
        await hold(Model("subscription lost"), asked(tmp_path))
    path = tmp_path / "failure-client-7.json"
    assert broken.value.blames == ("C-SUB-3",)
    assert broken.value.replay == str(path)
    assert broken.value.seen.startswith("lost: client does not show fence")
    found = read_failure(path)
    assert (found.check, found.target, found.seed) == (NAME, "the reference client", 7)
    with pytest.raises(Nonconforming) as again:
        await hold(Model("subscription lost"), asked(tmp_path, replay=path))
    assert (again.value.blames, again.value.replay) == (("C-SUB-3",), str(path))
    await hold(Model(), asked(tmp_path, replay=path))


async def test_of_single_requirements_little_is_drawn(tmp_path: Path) -> None:
    """What is right passes, and whoever asks for one requirement has to wait for few schedules."""
    target = Model()
    await hold(target, asked(tmp_path, only=frozenset({"C-SUB-3"})))
    assert 1 <= target.schedules_done <= 20


async def test_a_counterexample_that_cannot_be_saved_is_told(tmp_path: Path) -> None:
    """It is neither lost nor green."""
    (tmp_path / "a file").write_text("")
    settings = asked(tmp_path, results=tmp_path / "a file" / "results.json")
    with pytest.raises(CouldNotRun, match=r'cannot be written: .*: \{"do":'):
        await hold(Model("subscription lost"), settings)


class _Unable(Model):
    """Breaks off at the first send, as a client does that refuses the verb."""

    async def do(self, step: object) -> list[object]:  # type: ignore[override]
        if isinstance(step, Send):
            raise Nonconforming(expected="`send` is carried out", seen="refused")
        return await super().do(step)  # type: ignore[arg-type, return-value]


async def test_a_schedule_that_is_broken_off_could_not_run(tmp_path: Path) -> None:
    """What the target cannot do at all is another check's to judge, and blames nobody here."""
    with pytest.raises(CouldNotRun, match="broken off: expected `send` is carried out"):
        await hold(_Unable(), asked(tmp_path))


def test_a_failure_is_read_as_it_was_saved(tmp_path: Path) -> None:
    """Its folder is made for it."""
    path = tmp_path / "deep" / "failure.json"
    save(path, failure("a check", "C-FBK-4"))
    assert read_failure(path) == failure("a check", "C-FBK-4")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is nothing to replay: it is no JSON"),
        ("[]", "is nothing to replay: Expected `object`, got `array`"),
        ("{}", "is nothing to replay: Object missing required field `check`"),
        ('{"more": ' + "[" * 100_000, "is nothing to replay: it is no JSON"),
    ],
)
def test_what_is_no_failure_is_one_sentence(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    """The file is named, and what is wrong with it."""
    path = tmp_path / "failure.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FailureError) as refused:
        read_failure(path)
    assert str(refused.value).startswith(f"{path} {sentence}")
    assert "\n" not in str(refused.value)


def test_a_schedule_is_json_and_nothing_else_is_one() -> None:
    """Written and read it is the same; an unknown step, or a value out of range, is refused."""
    schedule = failure("a check").schedule
    assert from_json(to_json(schedule)) == schedule
    for text in (b"{", b'{"steps": [{"do": "explode"}]}', b'{"steps": [{"do": "open", "at": 1}]}'):
        with pytest.raises(ScheduleError):
            from_json(text)
    with pytest.raises(ScheduleError):
        from_json(b'{"steps": [{"do": "open", "conversation": 99}]}')
    assert from_json(b"{}") == Schedule()
