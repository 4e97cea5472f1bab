"""Neural collapse of a layer: features of rows, their moments by class, and the measures made of these."""
