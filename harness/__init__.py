"""The command line, `chatengine-harness`: it knows all rooms and puts them to work."""
