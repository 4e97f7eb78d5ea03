"""What stands in for the world: each fake runs alone, or in one process with the others.

- `chatengine`: the server a CRM talks to
- `evolution`: the WhatsApp provider
- `supabase`: what a CRM falls back to: Realtime and REST
- `environment`: settings from environment variables, with one sentence for each mistake
- `turns`: long work that does not hold others up
- `serving`: listening, ending on a signal, exit codes
- `control`: the control interface of a fake, on a port of its own
- `logs`: JSON log lines without secrets
"""
