"""Administrative units: an effective-dated tree of any depth, with successors."""
