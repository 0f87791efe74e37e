"""Images and their geometry as values: reading, windows, resampling, cropping."""
