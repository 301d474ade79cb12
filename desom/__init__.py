"""DESOM."""
