"""How long the CRM client takes from one source to another, and to close a gap."""
