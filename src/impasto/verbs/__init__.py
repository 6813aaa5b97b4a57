"""Verbs that are neither a picture painted nor a film: a file each, named as on the command line."""
