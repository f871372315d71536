"""Run folders: their files, their reader, and how they are written.

Only `run`, `rows`, `shapes` and the modules that use them know networks; the others take dicts,
text and arrays.

    files        RunFiles: run.json, tables, summary.json
    run          Run, the reader of a run folder: also config, data, networks
    rows         the rows that a folder holds, and the form of files with new rows
    shapes       checks of data.json, metrics.csv and the size of weights
    folder       RunFolder: files by name, status, checkpoint
    sweeps       SweepFolder: the files of a sweep, and a record per trial
    listing      the table of `nnlab runs`
    names        names of run folders: making a folder, finding one
    settings     YAML files as plain values
    records      metrics.csv and steps.csv
    arrays       weights and other .npz files
    checkpoint   the saved state, from which a run continues
    lock         one writer per folder
    durable      the only module that writes files
    batch        several files that become durable together
    guard        checks before a write: no link, no pipe
    environment  the machine, as run.json describes it
    repository   the git state of a folder
    threads      the environment of child processes
    text         strict JSON, printable paths
"""
