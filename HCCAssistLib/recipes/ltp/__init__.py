"""Local tumour progression after ablation on arterial CT (Lim, Shin, Lee; 2023)."""
