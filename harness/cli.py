"""`chatengine-harness`: one command for each thing a person comes for.

Exit codes: 0 pass, 1 thresholds failed, 2 usage, 3 could not run, 4 invalid run.
"""

import sys
from pathlib import Path

import click

from fakes.together import Fake
from harness import demo as demo_run
from harness import doctor as diagnosis
from harness import fakes as foreground
from harness import load as loading
from harness.conform import conform
from harness.exits import CouldNotRun
from harness.proxy import proxy
from harness.watch.command import watch
from reports import page, record, summary, thresholds
from reports.files import ReportError

__all__ = ["main"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 pass, 1 thresholds failed, 2 usage, 3 could not run, 4 invalid run.",
)
@click.version_option(package_name="chatengine-harness")
def main() -> None:
    """Load, fakes and honest latency reports for a ChatEngine.

    \b
    Begin with:  chatengine-harness demo
    Then:        chatengine-harness load --host https://your-chatengine
    """


@main.command()
@click.option(
    "--subscribers",
    default=2000,
    show_default=True,
    type=click.IntRange(1, 50_000),
    help="Agents with a socket each; 100 to a workspace.",
)
@click.option(
    "--seconds",
    default=30.0,
    show_default=True,
    type=click.FloatRange(1, 3600),
    help="How long messages are published.",
)
@click.option(
    "--rate",
    default=50.0,
    show_default=True,
    type=click.FloatRange(0.1, 2000),
    help="Messages a second, over all conversations; each goes to 50 agents.",
)
@click.option(
    "--spawn-rate",
    default=200.0,
    show_default=True,
    type=click.FloatRange(1, 2000),
    help="Agents that come a second.",
)
@click.option(
    "--workers",
    default=0,
    show_default=True,
    type=click.IntRange(0, 64),
    help="Worker processes; 0: one process does it all.",
)
@click.option("--out", default="out", show_default=True, help="Folder for the reports.")
@click.option("--run-name", default="", help="Name of the run's folder [default: its moment].")
def demo(
    subscribers: int,
    seconds: float,
    rate: float,
    spawn_rate: float,
    workers: int,
    out: str,
    run_name: str,
) -> None:
    """Thousands of subscribers on the embedded fakes, and a latency report.

    Starts the fakes on free loopback ports, runs Locust without its web page, posts messages to the
    real webhook, measures every delivery, and ends with OUT/<run>/report.html and run.json. Passes
    only if 100 % of what had to arrive did, in order and once, 99 % of it within 100 ms.
    """
    sys.exit(
        demo_run.run(
            demo_run.Plan(subscribers, seconds, rate, spawn_rate, workers, Path(out), run_name)
        )
    )


@main.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.option("--agents", is_flag=True)
@click.option("-h", "--help", "wants_help", is_flag=True)
@click.argument("locust_options", nargs=-1, type=click.UNPROCESSED)
def load(agents: bool, wants_help: bool, locust_options: tuple[str, ...]) -> None:
    """Locust on our subscribers (or, with --agents, agents at work), against any ChatEngine.

    Takes our options and all of Locust's: with --headless in the terminal, else as a web page.
    """
    if wants_help:
        loading.show_options()
    loading.run(locust_options, agents=agents)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--chatengine-port",
    default=4001,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0: a free one.",
)
@click.option(
    "--supabase-port",
    default=4002,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0: a free one.",
)
@click.option("--no-supabase", is_flag=True, help="ChatEngine and Evolution alone.")
@click.option(
    "--evolution-port",
    default=4003,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0: a free one.",
)
@click.option(
    "--proxy",
    "proxied",
    multiple=True,
    type=click.Choice(["chatengine", "supabase", "evolution"]),
    help="Put a fault proxy in front of that fake; may be given for each.",
)
@click.option(
    "--instances",
    default="sales-1=w-1,support-1=w-2",
    show_default=True,
    help="WhatsApp instances and their workspaces.",
)
@click.option(
    "--cors",
    default="http://localhost:3000,http://localhost:5173",
    show_default=True,
    help="Origins that a browser may call from.",
)
@click.option(
    "--folder",
    default="out/fakes",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where the secrets are put, readable by you alone.",
)
@click.option("--verbose", is_flag=True, help="Log what happens, as JSON lines on stderr.")
def fakes(
    host: str,
    chatengine_port: int,
    supabase_port: int,
    no_supabase: bool,
    evolution_port: int,
    proxied: tuple[Fake, ...],
    instances: str,
    cors: str,
    folder: Path,
    verbose: bool,
) -> None:
    """The fake ChatEngine, Supabase and WhatsApp provider, over one set of data, until Ctrl-C.

    The official socket.io-client and supabase-js connect to them. Secrets are CHATENGINE_JWT_SECRET
    and SUPABASE_JWT_SECRET where those are set, else fresh ones; with all keys they are written to
    FOLDER/secrets.env and never printed.
    """
    if no_supabase and "supabase" in proxied:
        raise click.UsageError("--no-supabase leaves nothing to put a proxy in front of")
    foreground.run(
        foreground.Plan(
            host=host,
            chatengine_port=chatengine_port,
            supabase_port=None if no_supabase else supabase_port,
            evolution_port=evolution_port,
            proxied=frozenset(proxied),
            instances=instances,
            cors=cors,
            folder=folder,
            verbose=verbose,
        )
    )


main.add_command(conform)
main.add_command(proxy)
main.add_command(watch)


@main.command()
def doctor() -> None:
    """What this machine lacks for large runs and for the tests, and how to mend it.

    Ends with 0 when nothing that `demo` needs is missing, else with 1.
    """
    sys.exit(diagnosis.run())


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--page", "target", type=click.Path(path_type=Path), help="Write the page here, too.")
def report(run: Path, target: Path | None) -> None:
    """Show a run again: RUN is a run.json or the folder of one.

    Prints its summary, makes its page anew with --page, and ends with the exit code of its verdict.
    """
    try:
        shown = record.read(run / "run.json" if run.is_dir() else run)
        if target is not None:
            page.write_page(shown, target)
    except ReportError as error:
        raise CouldNotRun(str(error)) from None
    summary.print_summary(shown, {} if target is None else {"report": target})
    sys.exit(thresholds.EXIT_CODES[shown.verdict])
