"""Frozen networks that several models share: installed once, and referred to by their sha256."""
