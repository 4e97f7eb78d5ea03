"""The adapter process: a CRM client in any language, asked over stdin, answering over stdout.

The protocol (docs/adapter-protocol.md) is one JSON object a line each way, in order. Whatever an
adapter does instead, it dies, hangs, prints something else, answers out of turn or in another
shape, is an `AdapterProblem` in one sentence, once and for all: the process is ended, and whatever
is asked afterwards is told the same. What the adapter itself refuses is a `Refusal`.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from conformance.outcomes import CouldNotRun, TargetGone
from conformance.targets.logs import telling
from conformance.targets.variables import inherited

__all__ = ["ANSWER_S", "Adapter", "AdapterEnded", "AdapterProblem", "OtherShape", "Refusal"]

ANSWER_S: Final = 10.0
"""Every verb answers at once, `stop` once all is closed (C-SND-4 is the longest a client waits)."""

_GRACE_S: Final = 1.0
"""Between `exit`, or the end of stdout, and the end of the process by our hand."""

_LONGEST_LINE: Final = 16 * 1024 * 1024
"""Bytes: a snapshot of ten thousand messages is a quarter of that."""

_MOST_LOGS: Final = 256 * 1024 * 1024
"""Bytes of stderr in one process' life; who writes more cannot be tried beside anything else."""

_CHUNK: Final = 64 * 1024
_QUOTED: Final = 120

T = TypeVar("T")


class AdapterProblem(CouldNotRun):
    """The adapter does not keep the protocol; the text is the sentence to show."""


class AdapterEnded(AdapterProblem):
    """The adapter's process is gone without having been told to exit."""


class OtherShape(AdapterProblem):
    """What the adapter answers has another shape than the protocol's."""


class Refusal(Exception):
    """The adapter carried a verb out not at all, or, if `indefinite`, perhaps not."""

    def __init__(self, verb: str, code: str, message: str, indefinite: bool = False) -> None:
        super().__init__(verb, code, message)
        self.verb = verb
        self.code = code
        self.message = message
        self.indefinite = indefinite

    def __str__(self) -> str:
        return f"`{self.verb}` was refused: {self.code}: {self.message}"


class _Error(Struct, frozen=True):
    code: Literal["unsupported", "invalid", "failed"]
    message: str
    indefinite: bool = False


class _Answer(Struct, frozen=True):
    id: int | None
    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"")
    error: _Error | None = None


class Adapter:
    """A process that runs; `start` makes one, `close` ends it. One verb is asked at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()
        self._asked = 0
        self._verb = ""
        self._answer: asyncio.Future[bytes] | None = None
        self._problem: AdapterProblem | None = None
        self._begun = bytearray()  # a line whose end has not come
        self._logs = bytearray()
        self._logged = 0
        self._tasks = (
            asyncio.create_task(self._read_answers()),
            asyncio.create_task(self._read_logs()),
        )

    @classmethod
    async def start(cls, command: Sequence[str]) -> Adapter:
        """Start the command; raises `TargetGone` where there is no such program."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=inherited(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # so that whatever it starts ends with it
            )
        except OSError as error:
            named = _quoted(shlex.join(command))
            raise TargetGone(f"The adapter {named} cannot be started: {error.strerror}.") from None
        return cls(process)

    @property
    def problem(self) -> AdapterProblem | None:
        """What is wrong with it, as far as is known."""
        return self._problem

    # in the order of time

    async def ask(
        self,
        verb: str,
        result: type[T],
        arguments: Mapping[str, object] | None = None,
        *,
        within_s: float = ANSWER_S,
    ) -> T:
        """Return the result of a verb; raises `AdapterProblem`, and `Refusal` where it says no."""
        async with self._turn:
            if self._problem is not None:
                raise self._problem
            self._asked += 1
            self._verb = verb
            self._answer = asyncio.get_running_loop().create_future()
            request = {"id": self._asked, "verb": verb, **(arguments or {})}
            try:
                async with asyncio.timeout(within_s):
                    await self._write(msgspec.json.encode(request) + b"\n")
                    line = await self._answer
            except TimeoutError:
                raise self._fail(self._silence(within_s)) from None
            finally:
                self._answer = None
            return self._result(line, result)

    async def close(self) -> None:
        """End the process: by `exit`, or, where that is not heeded within a second, by force."""
        if self._problem is None:
            with suppress(AdapterProblem, Refusal):
                await self.ask("exit", dict[str, Any], within_s=_GRACE_S)
        self._problem = self._problem or AdapterProblem("The adapter was told to exit.")
        with suppress(TimeoutError):
            if self._process.stdin is not None:
                self._process.stdin.close()
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        self._kill()
        await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    # what goes out

    async def _write(self, line: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(ConnectionError):  # it has ended: the reader of its answers will say so
            stdin.write(line)
            await stdin.drain()

    # what comes in

    async def _read_answers(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        while chunk := await stdout.read(_CHUNK):
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                self._take(bytes(self._begun) + end)
                self._begun.clear()
            self._begun += rest
            if len(self._begun) > _LONGEST_LINE:
                self._fail(f"wrote a line of more than {_LONGEST_LINE // 2**20} MiB")
                self._begun.clear()
        await self._ended(bytes(self._begun))

    def _take(self, line: bytes) -> None:
        if self._answer is None or self._answer.done():
            after = f"after its answer to `{self._verb}`" if self._verb else "at its start"
            self._fail(f"wrote a line that nobody had asked for, {after}: {_quoted(line)}")
        else:
            self._answer.set_result(line)

    async def _ended(self, partial: bytes) -> None:
        """Stdout has ended, so nothing more can be asked; say how the process ended, if it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        what = "closed its stdout"
        if (code := self._process.returncode) is not None:
            what = f"ended with exit code {code}" if code >= 0 else f"ended by {_signal(-code)}"
        if partial:
            what += f" in the middle of a line: {_quoted(partial)}"
        self._fail(f"{what} {self._moment()}{self._last_words()}", AdapterEnded)

    def _moment(self) -> str:
        if self._answer is not None:
            return f"while `{self._verb}` was asked"
        return f"after `{self._verb}`" if self._verb else "before anything was asked"

    async def _read_logs(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while chunk := await stderr.read(_CHUNK):
            self._logs = (self._logs + chunk)[-_CHUNK:]
            self._logged += len(chunk)
            if self._logged > _MOST_LOGS:
                self._fail(f"wrote more than {_MOST_LOGS // 2**20} MiB to stderr")

    def _result(self, line: bytes, kind: type[T]) -> T:
        answer = self._decoded(line, _Answer)
        if answer.id != self._asked:
            asked = f"{self._asked} (`{self._verb}`)"
            raise self._fail(f"answered out of turn: id {answer.id} where {asked} was asked")
        if answer.ok and answer.result:
            return self._decoded(answer.result, kind)
        if answer.error is not None and not answer.ok:
            error = answer.error
            raise Refusal(self._verb, error.code, error.message, error.indefinite)
        lacks = "a result" if answer.ok else "an error"
        raise self._fail(f"answered `{self._verb}` without {lacks}: {_quoted(line)}")

    def _decoded(self, text: bytes | msgspec.Raw, kind: type[T]) -> T:
        problem: type[AdapterProblem] = AdapterProblem
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.ValidationError as error:
            wrong, problem = f"in another shape ({error})", OtherShape
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            wrong = "with a line that is no JSON"
        raise self._fail(f"answered `{self._verb}` {wrong}: {_quoted(bytes(text))}", problem)

    # what is wrong

    def _silence(self, within_s: float) -> str:
        half = f"; half a line came: {_quoted(bytes(self._begun))}" if self._begun else ""
        return f"did not answer `{self._verb}` within {within_s:g} s{half}{self._last_words()}"

    def _last_words(self) -> str:
        lines = [line for line in bytes(self._logs).splitlines() if line.strip()]
        return f"; its last log line: {_quoted(telling(lines))}" if lines else ""

    def _fail(self, what: str, kind: type[AdapterProblem] = AdapterProblem) -> AdapterProblem:
        """Note what is wrong, the first thing alone; whoever waits for an answer is told."""
        if self._problem is None:
            self._problem = kind(f"The adapter {what}.")
            self._kill()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._problem)
        return self._problem

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # all of its group are gone
            os.killpg(self._process.pid, signal.SIGKILL)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _quoted(text: bytes | str) -> str:
    """A stranger's text, made harmless and cut to what a sentence can hold."""
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    shown = shown.strip()
    return repr(shown if len(shown) <= _QUOTED else shown[:_QUOTED] + "…")
