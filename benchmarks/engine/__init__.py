"""The load engine and the fake's Socket.IO server, side by side with their peers."""
