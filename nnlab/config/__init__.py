"""The configuration: one YAML file in, one checked `Config` out, every mistake with its place.

    bytes -> files -> yaml12 -> short_forms -> overrides -> build -> checks -> Config

`load.py` is the door; `schema.py` says what a `Config` holds; `dump.py` writes it down again.
"""
