"""Reading run logs, of our own format and of every dialect of the public archive."""
