"""Networks for images and tables, and boosted trees beside them."""
