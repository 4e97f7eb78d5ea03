"""What the fault proxy costs, beside the same without it."""
