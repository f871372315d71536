"""Run folders: their files, their reader, and how they are written.

Only `run` and the modules that use it know networks; the others take dicts, text and arrays.

    run          Run: the one reader of a run folder
    rows         rows of the data set that the folder holds
    folder       RunFolder: files by name, state, checkpoint with its tables
    sweeps       SweepFolder: the files of a sweep, and a record per trial
    listing      the table of `nnlab runs`
    names        names of run folders: making and finding one
    below        folders with runs below a folder
    settings     YAML files as plain values
    shapes       the checks of data.json and metrics.csv
    records      metrics.csv and steps.csv
    arrays       weights and other .npz files
    checkpoint   the saved state, from which a run continues
    lock         one writer per folder
    durable      the only module that writes files
    guard        checks before a write: no link, no pipe
    environment  the machine, as run.json describes it
    repository   the git state of a folder
    threads      how many threads the BLAS takes
    text         strict JSON, printable paths
"""
