"""The CRM client's pure core: how many events it handles, and how fast a conversation opens."""
