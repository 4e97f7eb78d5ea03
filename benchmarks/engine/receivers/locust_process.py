"""A process of Locust's with users in it, as a worker has them: spawned by its runner, counted."""

import sys
import time
from collections.abc import Callable
from typing import Final

from gevent.event import Event
from gevent.fileobject import FileObject
from gevent.lock import BoundedSemaphore
from locust import User, events
from locust.argument_parser import parse_options
from locust.env import Environment
from locust.exception import StopUser

from benchmarks.talk import Connect, Connected, Counted, answers, decode_command

__all__ = ["ROOM", "URL", "Crowd", "run"]

URL: Final = sys.argv[1]
ROOM: Final = sys.argv[2]


class Crowd:
    """The users of the process while they connect."""

    def __init__(self) -> None:
        self.failure: str | None = None
        self._left = 0
        self._gate = BoundedSemaphore()
        self._done = Event()

    def begin(self, wanted: Connect) -> None:
        """Expect so many users."""
        self._left = wanted.users
        self._gate = BoundedSemaphore(wanted.at_once)

    def admit(self, connect: Callable[[], None]) -> None:
        """In a user's on_start: connect and subscribe, when it is its turn."""
        with self._gate:
            try:
                connect()
            except Exception as error:
                self.failure = repr(error)
                self._done.set()
                raise StopUser from error
        self._left -= 1
        if not self._left:
            self._done.set()

    def wait(self) -> None:
        """Wait until all are subscribed; exits the process when one cannot."""
        self._done.wait()
        if self.failure is not None:
            sys.exit(f"a user could not connect: {self.failure}")


def run(
    user: type[User],
    crowd: Crowd,
    arguments: list[str],
    *,
    count: Callable[[Environment], int],
    tag: Callable[[Environment], int] = lambda _: 0,
) -> None:
    """Do what stdin says until it ends, with a LocalRunner and users of the class `user`.

    `arguments` are Locust's command line but for `--host`; `count` tells the events received.
    """
    answer = answers()
    environment = _environment(user, [*arguments, "--host", URL])
    for line in FileObject(sys.stdin.fileno(), "rb", close=False):
        command = decode_command(line)
        if isinstance(command, Connect):
            crowd.begin(command)
            began = time.perf_counter()
            assert environment.runner is not None
            environment.runner.start(command.users, spawn_rate=command.users)
            crowd.wait()
            answer(Connected(time.perf_counter() - began, tag(environment)))
        else:
            answer(Counted(count(environment)))


def _environment(user: type[User], arguments: list[str]) -> Environment:
    options = parse_options(arguments)
    environment = Environment(
        events=events, user_classes=[user], host=options.host, parsed_options=options
    )
    runner = environment.create_local_runner()
    events.init.fire(environment=environment, runner=runner, web_ui=None)
    return environment
