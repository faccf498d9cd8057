"""HTTPS for the internet: certificates by ACME, one's own certificates, the port for plain HTTP.

The local network's own CA is `moim.lan`; everything here is for names that everybody knows.
"""
