"""What the book says of the records: tables, tests, verdicts, and where they come from."""
