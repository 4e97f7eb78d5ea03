"""`python -m tests.locustfiles.in_a_group <module> ...`: a program in a process group of its own.

A terminal sends Ctrl-C to the whole group, so a test needs one that it is not in itself.
"""

import os
import sys

if __name__ == "__main__":
    os.setpgid(0, 0)
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])
