"""The training loop, its checkpoints and the recipe that fills what a `Run` leaves open."""
