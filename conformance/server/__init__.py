"""What a ChatEngine server owes its clients: the checks of section 8, one file for each group."""
