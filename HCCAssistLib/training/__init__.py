"""From a cohort to a model: samples, augmentation, the loop, checkpoints and cut-offs."""
