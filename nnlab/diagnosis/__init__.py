"""Why a network does not learn: findings with their evidence and a remedy.

`evidence` gathers what a training shows, from a run folder or from a short probe of a config;
`rules` is the table of what can be wrong; `diagnose` applies one to the other.
"""
