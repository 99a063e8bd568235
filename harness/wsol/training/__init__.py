"""Training: methods, their phases, and the engine that runs them."""
