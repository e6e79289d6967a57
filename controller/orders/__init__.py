"""Emergency orders: composed here, signed by persons with keys that this program never holds, and called back by roll call."""
