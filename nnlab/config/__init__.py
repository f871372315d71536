"""The configuration: one YAML file in, one checked `Config` out, every mistake with its place.

    bytes -> files -> yaml12 -> short_forms -> overrides -> builder -> checks -> Config

`load.py` calls them in this order; `schema.py` is what a `Config` holds; `dump.py` writes a config
as YAML again. `nnlab/build.py` makes the objects that train.
"""
