"""The harness in Locust's life: importing this module hooks it into every process of a run.

`users` imports it, so any locustfile that subclasses one of our users gets all of it: the options,
the engine, the publishing, the accounting and the reports.
"""

import logging
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import gevent
import psutil
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from locustfiles import preflight, statistics
from locustfiles.crew import LocalCrew, RemoteCrew, leave_in_step, serve
from locustfiles.engine.ledger import Ledger
from locustfiles.engine.thread import Engine
from locustfiles.lead import COULD_NOT_RUN, Lead
from locustfiles.load import Load
from locustfiles.options import OptionError, Options, add_arguments, token_rules
from locustfiles.pages import add_pages
from locustfiles.progress import Progress
from reports.files import ReportError
from reports.summary import print_summary
from reports.thresholds import EXIT_CODES

__all__ = ["load_of"]

_USAGE: Final = 2
_INTERRUPTED: Final = 130  # as a shell says of a program that Ctrl-C ended

_log = logging.getLogger(__name__)
_loads: dict[int, Load] = {}


def load_of(environment: Environment) -> Load:
    """Return this process's part of the run; users get their sockets from it."""
    return _loads[id(environment)]


def _on_parser(parser: LocustArgumentParser, **_: Any) -> None:
    add_arguments(parser)
    # The page can start load on any host, and whoever poses as a worker can spoil a run: neither is
    # for everyone who can reach this host, unless asked.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")


def _on_init(environment: Environment, **_: Any) -> None:
    # It tells of each connection, from the engine's thread; what goes wrong is in our own counts.
    logging.getLogger("picows").setLevel(logging.CRITICAL)
    _allow_open_files()
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        lead = Lead(environment, RemoteCrew(runner))
        _collect_reports(environment, lead)
        _follow(environment, lead, None)
    elif isinstance(runner, WorkerRunner):
        _check_worker(environment)
        load = _new_load(environment)
        serve(load, runner)
        _report_to_master(environment, load)
        _work(environment, load)
        leave_in_step(runner, load)
    elif isinstance(runner, LocalRunner):
        load = _new_load(environment)
        lead = Lead(environment, LocalCrew(load))
        load.on_ledger.append(lambda _: lead.add(load.run, load.take()))
        _follow(environment, lead, load)
        _work(environment, load)


def _allow_open_files() -> None:
    """Locust asks for 10,000 open files; a worker may carry more sockets than that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _new_load(environment: Environment) -> Load:
    load = _loads[id(environment)] = Load()
    load.on_ledger.append(lambda seen: statistics.feed(environment.stats, seen))
    return load


def _follow(environment: Environment, lead: Lead, load: Load | None) -> None:
    """In the leading process: begin, end and judge each run."""
    leading = _Leading(environment, lead, load)
    add_pages(environment, lead)
    hooks = environment.events
    hooks.test_start.add_listener(leading.begin)
    hooks.spawning_complete.add_listener(lambda **_: lead.spawned())
    hooks.test_stopping.add_listener(lambda **_: lead.finish())
    hooks.test_stop.add_listener(leading.conclude)
    hooks.quitting.add_listener(leading.quitting)
    hooks.quit.add_listener(leading.last_word)


class _Leading:
    """What Locust's events mean to a run, in the process that leads it.

    Without a web page its options are checked, and its folder claimed, before anything begins: what
    is wrong with them ends the process.
    """

    def __init__(self, environment: Environment, lead: Lead, load: Load | None) -> None:
        options = environment.parsed_options
        self._environment = environment
        self._lead = lead
        self._load = load
        self._headless = options is not None and options.headless
        self._files: dict[str, Path] = {}
        if self._headless:
            try:
                lead.claim(_check(environment, load))
            except OptionError as error:
                _exit(error, _USAGE)
            except (preflight.PreflightError, ReportError) as error:
                _exit(error, COULD_NOT_RUN)
        self._progress = Progress(environment, lead)

    def begin(self, **_: Any) -> None:
        """A run begins, or is refused."""
        environment, lead = self._environment, self._lead
        try:
            # The form of the web UI may have changed any option since the last run.
            if self._headless:
                options = _options(environment)
            else:
                options = _check(environment, self._load)
                lead.claim(options)
        except (OptionError, preflight.PreflightError, ReportError) as error:
            _log.error("%s", error)
            lead.refuse(str(error))
            usage = isinstance(error, OptionError)
            environment.process_exit_code = _USAGE if usage else COULD_NOT_RUN
            raise gevent.GreenletExit from None  # of the greenlet that would start users now
        lead.begin(options)
        self._progress.begin()

    def conclude(self, **_: Any) -> None:
        """A run is over: its reports, and the exit code."""
        self._progress.end()
        environment, lead = self._environment, self._lead
        if lead.record is None or lead.concluded:
            return
        environment.process_exit_code = EXIT_CODES[lead.record.verdict]
        try:
            self._files.update(lead.conclude())
        except ReportError as error:
            self._files.clear()
            _log.error("%s", error)
            environment.process_exit_code = COULD_NOT_RUN
        if not self._headless:
            print_summary(lead.record, self._files)
        if self._headless and isinstance(environment.runner, MasterRunner):
            gevent.spawn(environment.runner.quit)  # Locust only stops when its last worker is gone

    def quitting(self, **_: Any) -> None:
        """Ctrl-C or SIGTERM: the run is still on, and its exit code is decided next."""
        signal.signal(signal.SIGINT, _at_once)
        if self._environment.runner is not None:
            self._environment.runner.stop()

    def last_word(self, **_: Any) -> None:
        """The summary, below Locust's own tables."""
        if self._headless and self._lead.record is not None:
            print_summary(self._lead.record, self._files)


def _work(environment: Environment, load: Load) -> None:
    """In a process with users: begin and end its part of each run."""

    def begin(**_: Any) -> None:
        if load.run is None:
            _log.warning("This worker joined after the run had begun: its users stay out of it.")
        else:
            load.begin(_options(environment), max(0, environment.runner.worker_index))  # type: ignore[union-attr]

    def failed(exception: Exception, **_: Any) -> None:
        if load.run is not None:
            load.count_error(f"a user failed: {type(exception).__name__}: {exception}")

    def quitting(**_: Any) -> None:
        load.end()
        load.engine.close()

    hooks = environment.events
    hooks.test_start.add_listener(begin)
    hooks.user_error.add_listener(failed)
    hooks.test_stop.add_listener(lambda **_: load.end())
    hooks.quit.add_listener(quitting)


def _report_to_master(environment: Environment, load: Load) -> None:
    def report(client_id: str, data: dict[str, Any], **_: Any) -> None:
        data["chatengine"] = (load.run, load.take().to_bytes())

    environment.events.report_to_master.add_listener(report)


def _collect_reports(environment: Environment, lead: Lead) -> None:
    def collect(client_id: str, data: dict[str, Any], **_: Any) -> None:
        run, packed = data.pop("chatengine", (None, b""))
        if run is not None:
            lead.add(run, Ledger.from_bytes(packed))

    environment.events.worker_report.add_listener(collect)


def _options(environment: Environment) -> Options:
    return Options.read(environment.host, vars(environment.parsed_options))


def _check(environment: Environment, load: Load | None) -> Options:
    """Read the options and try the server; raises `OptionError` or `PreflightError`."""
    options = _options(environment)
    parsed = environment.parsed_options
    if parsed is not None and parsed.num_users and (load is not None or parsed.processes):
        preflight.check_open_files(-(-parsed.num_users // max(1, parsed.processes or 1)))
    engine = Engine() if load is None else load.engine
    try:
        preflight.check(engine, options, time.time())
    finally:
        if load is None:
            engine.close()
    return options


def _check_worker(environment: Environment) -> None:
    """A worker on another host has an environment of its own; a forked one has the master's."""
    options = environment.parsed_options
    if options is None or not options.processes:
        try:
            token_rules()
        except OptionError as error:
            _exit(error, _USAGE)


def _exit(error: Exception, code: int) -> None:
    """End the process with one sentence; nothing has been started yet."""
    print(f"chatengine-harness: {error}", file=sys.stderr)
    _end_workers()
    sys.exit(code)


def _at_once(*_: Any) -> None:
    """The second Ctrl-C: whoever waits for the drain no longer wants to."""
    print("\nchatengine-harness: stopped at once; nothing of this run was kept", file=sys.stderr)
    _end_workers()
    os._exit(_INTERRUPTED)


def _end_workers() -> None:
    for worker in psutil.Process().children():
        worker.terminate()  # forked by --processes: it would look for its master for minutes


events.init_command_line_parser.add_listener(_on_parser)
events.init.add_listener(_on_init)
