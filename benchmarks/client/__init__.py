"""The CRM client beside python-socketio's own, on the same events of the same fake ChatEngine."""
