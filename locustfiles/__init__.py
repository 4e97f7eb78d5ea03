"""What `locust -f` runs, and the socket engine beneath it.

- `subscribers`, `agents`: locustfiles to run
- `users`: the users they are made of, and an abstract one to build on
- `options`, `preflight`: what is asked of a run, checked before it begins
- `load`: one process's part of a run; `crew`: all of them; `lead`: who leads them
- `lifecycle`: all of this hooked into Locust's events
- `statistics`, `pages`, `progress`, `results`: what Locust's pages, the terminal, the record show
- `garbage`: the collector of Python, kept from pausing a run
- `engine/`: the sockets, the publisher and the accounting
"""
