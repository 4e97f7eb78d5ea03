"""The CRM client's Realtime beside Supabase's own clients, on the same changes of the same fake."""
