"""Augmentation of labelled data sets: photoreal variants, checked against the originals."""
