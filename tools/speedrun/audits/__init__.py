"""A public archive held against its claims: record tables, evidence, verdicts, and the page of them."""
