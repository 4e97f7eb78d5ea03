"""Engine.IO protocol 4 on aiohttp: sessions, polling, WebSocket."""
