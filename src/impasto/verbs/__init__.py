"""Verbs that neither stylize an image nor a video, one module per verb."""
