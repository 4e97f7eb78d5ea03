"""The socket engine beneath the Locust users: thousands of Socket.IO connections on one loop.

Read in this order:

- `stamps`, `schedule`: what a published message carries, and when each one is meant to go out
- `receipts`, `accounting`: what a subscription got, and what it had to get
- `ledger`: what this process saw, second by second, mergeable over processes
- `connection`, `publisher`: the two ends on the wire
- `thread`: the native thread with its uvloop loop, and the bridge to gevent
"""
