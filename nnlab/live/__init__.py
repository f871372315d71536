"""Live pages: a run or a sweep in the browser while it trains.

    feed      the newest messages for the page, and the moments of the network
    server    a small web server on this machine, for one page

A page asks for news and never waits for long, so neither a slow page nor a closed one holds the
training up. There is no stream: a browser opens six connections to an address, so a seventh tab
would wait forever.
"""
