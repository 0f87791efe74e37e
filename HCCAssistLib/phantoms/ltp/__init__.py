"""Phantoms of local tumour progression after ablation."""
