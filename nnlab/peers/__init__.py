"""Other libraries, which train the same network beside nnlab: the cross-check.

peer             what a library does in a cross-check
torch_peer       PyTorch: its layers, losses, optimizers and automatic derivatives
sklearn_peer     scikit-learn: its multi-layer perceptrons
side_by_side     both trainings, epoch by epoch, and their differences
"""
