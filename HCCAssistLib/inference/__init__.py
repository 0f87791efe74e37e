"""A study, which is what is known of one case, and a model loaded to run on it."""
