"""Run folders: the only package that knows which files one holds and how they are written.

It takes and gives plain dicts, strings and NumPy arrays, and knows nothing of networks.

    durable      the one way files are written
    guard        what may be written and deleted: no link, no pipe
    names        what a run folder is called, making one, finding one
    lock         one writer a folder
    folder       RunFolder: everything in the folder of one run
    sweeps       SweepFolder: everything in the folder of a sweep but its runs
    records      metrics.csv and steps.csv
    shapes       what data.json and metrics.csv must hold
    arrays       weights and other .npz files
    checkpoint   what a resumed run goes on from
    environment  what run.json says of the machine
    threads      how many the BLAS of a process takes
    run          Run: the one reader of a run folder
    rows         the rows of a data set that the folder holds
    listing      the table of `nnlab runs`
    text         strict JSON, printable paths
"""
