"""Sweeps: the same experiment with other settings, many times, into one folder.

    axes        what a person writes: lr, lr=0.01,0.1, hidden=range(2, 6)
    grid        the cells: every combination of the values, or some drawn of them
    plan        cells and seeds as trials; what is done already and what is to do
    trial       one trial: a config that becomes a run folder; can run twice without harm
    executors   where trials run: in this process ...
    processes   ... or in others, supervised
    worker      what such a process does
    table       what came out: a row a cell, median and quartiles over the seeds

What is true stands on disk: the run folders of a sweep. All else is worked out from them.
"""
