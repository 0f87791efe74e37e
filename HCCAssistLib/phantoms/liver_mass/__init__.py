"""Phantoms for the recipe liver-mass."""
