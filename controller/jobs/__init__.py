"""Work that must not be lost and may take long: a row first, done later by the worker."""
