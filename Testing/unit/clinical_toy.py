"""Clinical values of invented patients, some of them missing, and events that depend on some of them."""

from __future__ import annotations

import numpy as np

VARIABLES = ("tumour_size_mm", "tumour_number", "hbv", "total_protein_g_per_l", "afp_ng_per_ml", "signature")


def clinical_values(patients: int, seed: int, missing: float = 0.1) -> np.ndarray:
    """``(patients, variables)`` in float64, with numbers that float32 rounds."""
    rng = np.random.default_rng(seed)
    columns = [
        rng.uniform(8, 50, patients),
        rng.integers(1, 4, patients),
        rng.integers(0, 2, patients),
        rng.normal(70, 6, patients).round(1),
        rng.lognormal(3, 2, patients),
        rng.random(patients),
    ]
    values = np.column_stack(columns).astype(float)
    values[rng.random(values.shape) < missing] = np.nan
    return values


def events_of(values: np.ndarray, seed: int) -> np.ndarray:
    """More often with a large tumour and a high signature, ``(patients,)`` of 0 and 1."""
    known = np.nan_to_num(values, nan=20.0)
    chance = 1 / (1 + np.exp(-(known[:, 0] / 15 + 3 * known[:, 5] - 5)))
    return (np.random.default_rng(seed).random(len(values)) < chance).astype(int)
