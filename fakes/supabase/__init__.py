"""The fake Supabase: Realtime and REST over rows in memory."""
