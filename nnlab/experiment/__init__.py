"""One config becomes one finished run folder.

session    trains, and writes rows, checkpoints and status
resume     continues a stopped run
changes    which settings may differ then
verify     checks a folder, and trains it again to compare
measure    evaluates a finished run on its own data or on other rows
outcome    what is evaluated and saved at the end
gradients  compares gradients with central differences
describe   the contents of run.json and data.json
rows       the rows of metrics.csv and steps.csv
snapshots  parameters along the way, for figures
state      the training state as arrays and JSON, and back
signals    Ctrl+C and SIGTERM as a request to stop
"""
