"""The margin of an ablation: how far its zone reaches beyond the tumour, and how sure that is."""
