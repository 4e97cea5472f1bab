"""What is wrong with the labels and rows of a data set, and what no model can exceed on it."""
