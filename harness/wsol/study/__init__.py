"""Studies: plan, search, seal, final runs, records."""
