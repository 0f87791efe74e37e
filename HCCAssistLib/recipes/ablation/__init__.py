"""Early recurrence after ablation, from MR before and after it (Kong 2025)."""
