"""Data sets: where rows come from, which rows are for training, how inputs are scaled."""
