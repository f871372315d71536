"""Live pages: a run or a sweep in the browser while it trains.

    feed      the newest messages for the page, and the moments of the network
    server    a small web server on this machine, for one page
    follow    from the folder of a run to messages
    trials    from the folder of a sweep to messages
    watch     the page of a folder, and the looks at it
    beside    the page of a training of this process, served by another process

A page asks for news and never waits for long, so neither a slow page nor a closed one holds the
training up. There is no stream: a browser opens six connections to an address, so a seventh tab
would wait forever.
"""
