"""Conformance: does this ChatEngine server, or this CRM client, keep the contract?"""
