"""`loalang demo`: a province on one machine, to be looked at, or (with --check) to prove itself step by step."""
