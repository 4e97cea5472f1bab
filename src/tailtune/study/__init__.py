"""Many runs as one study: what is varied, the list of trainings, the tidy table and its statistics."""
