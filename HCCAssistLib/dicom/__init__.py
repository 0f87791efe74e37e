"""DICOM: checking a series before anything reads it, contrast phases, reading."""
