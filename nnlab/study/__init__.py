"""Studies: the same experiment many times, and what differs between the runs.

A sweep, in the order in which it happens:

    axes        what a person writes: lr, lr=0.01,0.1, hidden=range(2, 6)
    grid        the cells: every combination of the values, or a random sample of them
    plan        cells and seeds as trials; which are finished and which are left
    trial       one trial: a config that becomes a run folder; can run twice without harm
    executors   where trials run: in this process, in others (processes), in a cluster (cluster)
    table       the results: a row per cell, median and quartiles over the seeds

A search by Optuna, whose trials are those of a sweep:

    space       a YAML file of ranges and choices
    study       asks Optuna for settings, trains, reports the results

A comparison of run folders:

    facts         the comparable contents of a run folder
    differences   settings, environment and curves of several runs
    groups        runs that differ in the seed alone, and the noise of the seed

The run folders of a sweep on disk are the truth. Everything else is computed from them.
"""
