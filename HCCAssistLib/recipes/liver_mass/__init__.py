"""Liver masses in five categories (Yasaka 2018)."""
