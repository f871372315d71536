"""What turns batches into updates: the NumPy reference here, compiled code beside it."""
