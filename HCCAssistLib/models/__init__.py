"""Model packages: what a trained model is on disk, and the store of installed ones."""
