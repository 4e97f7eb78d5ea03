"""The client suite: every C- requirement of contract section 7, a file for each group."""
