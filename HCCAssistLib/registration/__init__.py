"""Phases of one time point brought together: rigid and deformable registration inside the liver, and its checks."""
