"""Phantoms for the recipe tace-response."""
