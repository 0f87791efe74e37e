"""A synthetic liver in a synthetic abdomen, or in a real CT, on which the phantoms of every recipe are built."""
