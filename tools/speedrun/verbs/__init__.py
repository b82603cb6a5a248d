"""One module a verb: `main` reads the arguments, calls the library, prints, and returns the exit code."""
