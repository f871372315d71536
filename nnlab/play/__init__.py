"""The playground: a network whose settings are changed while it trains; and a trained one to ask.

settings    what a page may change, and the config that follows
form        the controls of a page, from the schema of the config
session     a network that trains in a thread of its own
history     what is remembered of it
frames      what a page draws of it
doctor      what keeps it from learning
playground  the page that trains: what it may ask for, and what it is told
drawing     a drawing as an image of a run's data
board       the page that asks a trained network
"""
