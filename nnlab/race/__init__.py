"""Races of optimizers on a function of two numbers: everything about `nnlab descend`.

    landscapes  the functions
    config      Race and Runner, the settings of a race; from a YAML text and back
    folder      the files in the run folder of a race
    run         the race itself, and the same race again for `nnlab verify`
    figure      the paths on the contour lines
    page        the HTML report

Only `nnlab.cli` imports this package.
"""
