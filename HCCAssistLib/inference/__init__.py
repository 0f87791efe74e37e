"""Running a model on a study: the dense scan, candidates and the results that come out."""
