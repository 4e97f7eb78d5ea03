"""Broken on purpose: programs that differ from the correct ones in one thing each.

Each says which requirements it breaks, and runs from outside as any implementation does:
`python -m conformance.mutants.client NAME` is an adapter, `python -m conformance.mutants.server
NAME` a server's command. `python -m conformance.mutants` tries them all: whatever is broken has to
be caught by a check of what it breaks, and every check has to catch something.
"""
