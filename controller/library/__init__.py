"""Bulletins: written or recorded, checked, approved, and frozen by the hash of their sound."""
