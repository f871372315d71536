"""Settings searched for by Optuna, each trial an ordinary run folder.

space   what may be searched: a YAML file of ranges and choices
study   asks Optuna for settings, trains, tells how it went
"""
