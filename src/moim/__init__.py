"""moim: a meeting server that you own."""
