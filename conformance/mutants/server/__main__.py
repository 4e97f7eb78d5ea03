"""`python -m conformance.mutants.server NAME`: the command of a broken server."""

import sys

from conformance.mutants.program import run_as
from conformance.mutants.server import MUTANTS, PROGRAM

if __name__ == "__main__":
    sys.exit(run_as(MUTANTS, PROGRAM, sys.argv[1:]))
