"""The end of a tunnel that stands beside the local server."""
