"""The compiled engine (numba, extra `fast`): the same updates as the NumPy engine, natively.

One family of kernels for all networks: a network is data (`program`, `records`), so a new
architecture compiles nothing. Read in this order: program, epochs, passes, layer, activations,
images, normalisation, layers, losses, optimizers, metrics, products, team, primitives. These are
plain functions; `entry` compiles `epochs.run_updates` once per installation, and `objects` loads
the result without numba.

What differs from the reference: sums are taken in another order and a b + c is rounded once, so
results agree to rounding and not bit for bit; exp and tanh are our own series, as exact as those
of the C library; several epochs run in one call.
"""

KERNELS = 2  # the version of the kernels: raise it when the bits of trainings change
