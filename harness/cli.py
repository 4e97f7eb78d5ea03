"""`chatengine-harness`: one command for each thing a person comes for.

Exit codes: 0 pass, 1 thresholds failed, 2 usage, 3 could not run, 4 invalid run, 130 interrupted.
"""

import click

from harness.lazy import Lazy, LazyGroup

__all__ = ["main"]


@click.group(
    cls=LazyGroup,
    commands=[
        Lazy("check", "harness.check", "Is anything lost, doubled or late in a history?"),
        Lazy("conform", "harness.conform", "Does a server, or a CRM client, keep the contract?"),
        Lazy("demo", "harness.demo", "Thousands of subscribers on the embedded fakes."),
        Lazy("doctor", "harness.doctor", "What this machine lacks, and how to mend it."),
        Lazy("fakes", "harness.fakes", "The fake ChatEngine, Supabase and WhatsApp provider."),
        Lazy(
            "load", "harness.load", "Locust on our subscribers or agents, against any ChatEngine."
        ),
        Lazy("proxy", "harness.proxy", "TCP in front of anything, over a network that fails."),
        Lazy("report", "harness.report", "Show a run again."),
        Lazy("watch", "harness.watch.command", "The CRM in a terminal."),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 pass, 1 thresholds failed, 2 usage, 3 could not run, 4 invalid run, "
    "130 interrupted.",
)
@click.version_option(package_name="chatengine-harness")
def main() -> None:
    """Load, fakes and honest latency reports for a ChatEngine.

    \b
    Begin with:  chatengine-harness demo
    Then:        chatengine-harness load --host https://your-chatengine
    """
