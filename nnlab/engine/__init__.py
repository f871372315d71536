"""What turns batches into updates: the NumPy engine, compiled code, and tuned image layers."""
