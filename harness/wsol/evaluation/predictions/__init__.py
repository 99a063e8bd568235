"""Where predictions come from: the score-map store, third-party maps and boxes."""
