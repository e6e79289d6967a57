"""`loalang serve`: web, bridge and worker, together in one process or each alone."""
