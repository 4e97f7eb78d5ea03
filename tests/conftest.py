"""What all tests share: the Node programs that some of them run beside the fakes."""

from tests.node_peers import node, node_peers

__all__ = ["node", "node_peers"]
