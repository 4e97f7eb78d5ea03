"""`python -m harness` is `chatengine-harness`."""

from harness.cli import main

main()
