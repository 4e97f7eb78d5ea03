"""What all tests share: Hypothesis' profile, a certificate, the Node programs beside the fakes."""

import signal

from hypothesis import settings

from tests.certificates import certificate
from tests.node_peers import node, node_peers

__all__ = ["certificate", "node", "node_peers"]

# A loaded machine is slow now and then; pytest's own timeout catches what never ends.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


# Who starts the tests in the background has them ignore Ctrl-C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
