"""Evaluation: discrimination, intervals, survival, decision curves, agreement, and the report."""
