"""The fake ChatEngine: Socket.IO, HTTP and webhook, as the contract has them."""
