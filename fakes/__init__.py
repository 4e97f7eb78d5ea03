"""What stands in for the world: each fake runs alone, or in one process with the others."""
