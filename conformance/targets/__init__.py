"""What is put under test: a server at a URL or behind a command, a client behind its adapter."""
