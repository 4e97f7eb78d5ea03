"""Our subscribers in a Locust process: the engine with all of its accounting, as in a real run."""

import os
import secrets

from locust.env import Environment

from benchmarks.engine.receivers.locust_process import Crowd, run
from locustfiles import users
from locustfiles.engine.ledger import Ledger
from locustfiles.lifecycle import load_of

_crowd = Crowd()


class Subscriber(users.SubscriberUser):
    """A subscriber whose turn to connect comes."""

    def on_start(self) -> None:
        """Connect and open the conversation."""
        _crowd.admit(super().on_start)


class _Total:
    """What the engine received: what it handed over, once a second, and what it holds."""

    def __init__(self) -> None:
        self._handed_over = 0
        self._following = False

    def tag(self, environment: Environment) -> int:
        load = load_of(environment)
        load.on_ledger.append(self._on_ledger)
        return load.tag

    def count(self, environment: Environment) -> int:
        engine = load_of(environment).engine
        return self._handed_over + engine.call(lambda: _received(engine.ledger))

    def _on_ledger(self, seen: Ledger) -> None:
        self._handed_over += _received(seen)


def _received(ledger: Ledger) -> int:
    return sum(second.received for second in ledger.seconds.values())


def _main() -> None:
    os.environ["CHATENGINE_JWT_SECRET"] = secrets.token_hex()  # the server lets everyone in
    total = _Total()
    options = ["--conversations", "1", "--message-rate", "0", "--out", ""]
    run(Subscriber, _crowd, options, count=total.count, tag=total.tag)


if __name__ == "__main__":
    _main()
