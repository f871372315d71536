"""The playground: a network whose settings are changed while it trains.

settings    what a page may change, and the config that follows
form        the controls of a page, from the schema of the config
session     a network that trains in a thread of its own
frames      what a page draws of it
playground  the page: what it may ask for, and what it is told
"""
