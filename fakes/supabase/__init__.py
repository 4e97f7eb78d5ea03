"""The fake Supabase: Realtime and REST over rows in memory.

- `schema`, `types`, `database`: tables, values, rows and their changes
- `filters`, `ordering`, `lists`, `errors`: what Realtime and REST share of Postgres
- `keys`, `policy`: who somebody is, and what they may see
- `realtime`: changes over WebSocket; `rest`: rows over HTTP
- `mirror`: rows of what the fake ChatEngine stores

Around it: `settings`, `app` (everything put together), `control` and `faults` (for tests).

`python -m fakes.supabase` runs it alone, `running_supabase` within a process.
"""

from fakes.supabase.app import RunningSupabase, running_supabase
from fakes.supabase.mirror import mirror
from fakes.supabase.settings import Limits, SupabaseSettings, Timing

__all__ = [
    "Limits",
    "RunningSupabase",
    "SupabaseSettings",
    "Timing",
    "mirror",
    "running_supabase",
]
