"""Synthetic cohorts with known truth, on analytic or real anatomy; they say nothing about patients."""
