"""The compiled engine (numba, extra `fast`): the same updates as the NumPy engine, natively.

One family of kernels for all networks: a network is data, so a new architecture compiles nothing.
Read in this order:

    engine                              what training calls
    program, records                    a network as data
    primitives, layer                   the words of the kernels, and an entry of their catalogue
    epochs, passes                      updates; all layers, and the dense one
    activations, images, convolution, normalisation, layers     the other layers; the catalogue
    losses, metrics, optimizers         three more catalogues
    functions, products, tiles          exp and tanh, matrix products
    team                                threads that share a batch
    intrinsics, entry, frontend, objects, store     from these plain functions to machine code

`entry` compiles `epochs.run_updates` once per installation, `objects` loads it without numba.

What differs from the reference: sums are taken in another order and a b + c is rounded once, so
results agree to rounding and not bit for bit; exp and tanh are our own series, as exact as those
of the C library; several epochs run in one call.
"""

KERNELS = 2  # the version of the kernels: raise it when the bits of trainings change
