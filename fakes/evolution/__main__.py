"""`python -m fakes.evolution`: the provider in the foreground; with a command, a customer."""

from fakes.evolution.cli import main

if __name__ == "__main__":
    main()
