"""The HTML pages of runs and studies, and the tables and sentences that the command line prints."""
