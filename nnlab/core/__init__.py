"""The mathematics: networks, losses, optimizers, schedules. No files, no clock, no printing.

A kernel, `forward(p, x, y, s, train)` or `backward(p, g, x, y, dy, dx, s)`, writes into arrays that
it is given:

    p   the layer's parameters, by name: p.weight (n, m), p.bias (m,)
    g   their gradients, same names and shapes
    x   the layer's input (B, n)         dx  the derivative of the loss by x
    y   the layer's output (B, m)        dy  the derivative of the loss by y
    s   scratch: constants, random draws, and what `forward` leaves for `backward`

B is the batch, n the inputs, m the outputs, P the number of parameters. Kernels
overwrite their outputs, which are not zeroed first. Read in this order: layers/dense, memory,
network, losses, optimizers; gradcheck proves the rest.
"""
