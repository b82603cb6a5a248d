"""Programs to be studied: taken out of logs and git, compared in words, by structure and line by line."""
