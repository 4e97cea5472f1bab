"""What a report shows a person who decides: examples, mistakes, where a network looks, columns that matter."""
