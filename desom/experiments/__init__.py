"""The runs of the paper: which they are, how they are made, and their records."""
