"""The configuration: one YAML file in, one checked `Config` out, every mistake with its place.

    bytes -> files -> reader -> tree -> expand -> overrides -> construct -> checks -> Config

`load.py` is the door; `schema.py` says what a `Config` holds; `dump.py` writes it down again.
"""
