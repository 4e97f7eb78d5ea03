"""`python -m conformance.mutants.client NAME`: the adapter of a broken client."""

import sys

from conformance.mutants.client import MUTANTS, PROGRAM
from conformance.mutants.program import run_as

if __name__ == "__main__":
    sys.exit(run_as(MUTANTS, PROGRAM, sys.argv[1:]))
