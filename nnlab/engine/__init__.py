"""What turns batches into updates: the NumPy engine, and compiled code."""
