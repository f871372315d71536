"""One config becomes one finished run folder.

session   trains, writing rows, checkpoints and status as it goes
resume    the same from where a run was stopped
changes   what may differ then
verify    checks a folder, and trains it again to compare
outcome   what is evaluated and kept at the end
state     the training state as arrays and JSON, and back
signals   Ctrl+C and SIGTERM as a request to stop
"""
