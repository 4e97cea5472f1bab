"""Published methods as functions from a `ClassProfile` to a `Method`."""
