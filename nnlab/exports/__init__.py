"""Exports: a run for other tools.

targets       the table: the name of each, its file, and what makes its content
check         runs the script before it is handed over
script        the text of a NumPy file that trains the network again and checks its losses
layer_source  the lines of each layer in that file
numpy_source  formulas of the catalogues in NumPy
"""
