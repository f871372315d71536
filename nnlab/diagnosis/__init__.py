"""Why a network does not learn: findings with their evidence and a remedy.

`evidence` is what a training shows; `gather` takes it from a run folder, or from a short probe of a
config. `rules` is the table of what can be wrong; `diagnose` applies one to the other. `findings`
are what it says, and are written into the run folder.
"""
