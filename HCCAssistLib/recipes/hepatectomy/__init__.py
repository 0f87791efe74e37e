"""Early recurrence after hepatectomy (Cui 2022)."""
