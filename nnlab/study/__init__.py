"""Studies: the same experiment many times, and what differs between the runs.

A sweep, in the order in which it happens:

    axes        lr, lr=0.01,0.1, hidden=range(2, 6); and the cells of their grid
    plan        cells and seeds as trials; which are done and which are to run
    trial       one trial: a config that becomes a run folder; can run twice without harm
    execute     where trials run: in this process or in others, supervised
    cluster     or with Dask (scheduler: address and TLS; local: local:N; parcel: runs sent back)
    results     a row per cell, with median and quartiles over its seeds

A search by Optuna, whose trials are those of a sweep:

    space       the request: a YAML file of ranges and choices, and the base config
    search      asks Optuna for settings, trains, reports the results
    journal     Optuna's log of the search, repaired or refused when damaged

A learning-rate range test:

    lr_range    some updates with a rising rate, and a sweep of the rate to compare with

A comparison of runs:

    compare     settings, environment, numbers and curves of several runs
    groups      runs that differ only in the seed, and whether groups differ by more than its noise
    noise       the exact tests behind that

The run folders of a sweep on disk are the truth. Everything else is computed from them.
"""
