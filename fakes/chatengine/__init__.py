"""The fake ChatEngine: Socket.IO, HTTP and webhook, as the contract has them.

What enters, from the outside in:

- `webhook`: the provider's calls; `inbox`: what they mean
- `agents`: who may connect; `commands`: what their sockets ask for; `api`: what they ask over HTTP
- `outbox`: sending, once and in order; `provider`: the client of Evolution
- `store`, `memory_store`: what is remembered, and the rules of ids, order and status
- `publisher`: what goes out to clients, to whom and in which order

Around it: `settings`, `app` (everything put together), `control` and `faults` (for tests),
`answers` and `attachments`. Beneath it: `realtime` (Socket.IO) on `engineio` (Engine.IO).

`python -m fakes.chatengine` runs it alone, `running_chatengine` within a process.
"""

from fakes.chatengine.app import RunningChatEngine, running_chatengine
from fakes.chatengine.settings import ChatEngineSettings, ProviderSettings

__all__ = ["ChatEngineSettings", "ProviderSettings", "RunningChatEngine", "running_chatengine"]
