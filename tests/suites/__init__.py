"""The servers that the protocols' own test suites want to talk to; see docs/protocol-suites.md."""
