"""Response to TACE before the treatment (Peng 2020)."""
