"""Emergency orders: composed here, signed by persons with keys that this program never holds, counted by roll call."""
