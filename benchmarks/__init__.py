"""Speed, start-up time and memory of nnlab, beside its peers.

There is one script a claim:

    python -m benchmarks.step       microseconds per update: nnlab, a NumPy sketch and three peers
    python -m benchmarks.columns    the same beside a busy process, and with AVX2 alone
    python -m benchmarks.startup    wall time of whole commands
    python -m benchmarks.memory     peak memory of whole commands
    python -m benchmarks.trials     a sweep of many short trials
    python -m benchmarks.exports    every export read by its tool (docs/exports.md)
    python -m benchmarks.scaling    how the cost grows; --sizes: with runs and the size of a file

Run them from the project's root. Peers take part where they are installed (`pip install torch jax
scikit-learn`). Machines are shared, so every claim is a ratio, taken pair by pair.
"""
