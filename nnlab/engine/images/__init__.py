"""Networks of images, tuned: kernels that stay in the cache, and batches in lanes.

A tuned layer has the settings, arrays and results of the plain layer in `core.layers` (to rounding:
it adds up in another order); tests/core/test_layers.py compares them. `network.TunedNetwork`
chooses.
"""
