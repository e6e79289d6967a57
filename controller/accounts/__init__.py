"""People, their roles in units, the public halves of their keys, and the audit of what they did."""
