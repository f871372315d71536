"""What `import nnlab` offers: a function per command, and the objects that they return.

    training             train, resume
    sweep, tune          many trainings; descend: a race of optimizers
    evaluate, predict    a trained network on rows; explain: on one row, step by step
    handin, grade        the hand-ins of a class
    gradcheck, verify    checks; crosscheck: another library; doctor: why a network does not learn
    runs, compare        several runs; conditions: which runs; export: a run for other tools
    fitting              fit, without a config and without files
    trained_run          the object of a run, and load; user_network: that of a network
    results              what the results of all functions have in common
    progress             a training or a sweep while it runs, in a terminal or a notebook
    find                 runs and sweeps by name

A function and its command do the same: the command prints the text of the result, or with --json
its `to_dict`.
"""
