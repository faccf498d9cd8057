"""Tunnels: a server on a laptop, reached from the internet by a machine that both ends know.

`client` is the laptop's end: it asks a provider for a public address over SSH (or starts
cloudflared), carries each visitor's connection to the local server, and comes back when the network
does. `server` is the other end, for one's own small machine: SSH for the laptops, HTTP for their
visitors, STUN and TURN for the calls. What the two ends say to each other is in `wire`.

asyncssh comes with the extra `moim[tunnel]` and is imported late: nothing here costs a moim without
a tunnel anything.
"""
