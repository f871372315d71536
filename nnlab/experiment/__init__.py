"""One config becomes one finished run folder.

session    trains, and writes rows, checkpoints and status
resume     continues a stopped run
changes    the settings that may change then
verify     checks a folder, and trains it again to compare
measure    loss and metrics of a finished run, on its own data or on other rows
outcome    the results at the end of a run
describe   the contents of run.json and data.json, rows of metrics.csv and steps.csv
state      the training state as arrays and JSON, and back; snapshots for figures
signals    Ctrl+C and SIGTERM as a request to stop
"""
