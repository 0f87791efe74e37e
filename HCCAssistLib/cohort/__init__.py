"""Cases on disk: the table, the annotations, what is wrong with them, and who trains or tests."""
