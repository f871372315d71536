"""What turns batches into updates: the NumPy engine, and compiled code.

Read `numpy_engine` first, the reference, then `compiled`. `blas` and `lanes` share the processor
among threads; `network` is the network that users and commands have.
"""
