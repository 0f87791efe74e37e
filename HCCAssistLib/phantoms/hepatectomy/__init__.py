"""Phantoms for the recipe hepatectomy-recurrence."""
