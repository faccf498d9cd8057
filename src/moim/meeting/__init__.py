"""The rules of a meeting, pure: no IO, clock, randomness or logging."""
