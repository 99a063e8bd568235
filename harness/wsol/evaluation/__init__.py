"""How a score map becomes a number: frames, boxes, pixels and protocols, as pure functions on NumPy arrays."""
