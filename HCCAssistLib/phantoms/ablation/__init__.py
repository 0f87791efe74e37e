"""Phantoms for the recipe ablation-recurrence."""
