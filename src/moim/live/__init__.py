"""The shell around the rules: one actor per open room, its seats, its audience and its timers."""
