"""Augmentation of labeled data sets: photoreal variants, checked against the originals."""
