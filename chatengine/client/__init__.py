"""The reference CRM client (contract, section 7): what a user sees, whatever the network does."""
