"""One config becomes one finished run folder.

session   trains, writing rows, checkpoints and status as it goes
outcome   what is evaluated and kept at the end
state     the training state as arrays and JSON, and back
signals   Ctrl+C and SIGTERM as a request to stop
saved     a finished run's network and data again
"""
