"""The other kind of config: optimizers that race on a function of two numbers (`nnlab descend`).

It is read by the same machinery as a training's, and has the same words for optimizers and
schedules. `schema` says what a `Race` holds, `words` which short forms there are, `construct`
checks, `load` is the door, `dump` writes it down again.
"""
