"""Generated faults: schedules that Hypothesis draws, run against a target, judged by its history.

- `schedules`: operations and faults as JSON; `target`: what carries them out
- `running`: a schedule becomes a history; `machine`: schedules are drawn, and one found that fails
- `search`: one that fails is confirmed and made small; `shrinking`: the smallest that fails
- `failures`: a failure as a file; `blame`: the requirements that it breaks
- `checking`: what a check does with it, and how a failure is run again
- `client`, `server`: the targets
"""
