"""What a method says of one case: a run record and a detection, a classification or a risk; one reader and writer."""
