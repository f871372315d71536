"""Speed, start-up time and memory of nnlab, beside its peers.

There is one script per claim. `SCRIPTS` in `page` lists those of docs/benchmarks.md; `estimators`,
`exports` and `messy` write pages of their own. `workloads` has the trainings that are timed,
`sketches`, `nnlab_side` and `peers_*` do them, `timing` compares.

Run them from the project's root. Peers take part where they are installed (`pip install torch jax
scikit-learn`). Machines are shared, so every claim is a ratio, taken pair by pair.
"""
