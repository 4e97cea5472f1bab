"""What the commands print: runs, studies, prices and lists."""
