"""Methods, their phases, and the engine that runs them."""
