"""Whether the gate keeps its word."""
