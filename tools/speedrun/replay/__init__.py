"""Starting milestones on a track, following them, and keeping what they logged."""
