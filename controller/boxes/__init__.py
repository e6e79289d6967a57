"""The boxes: who they are, where they stand, and what was last heard of them."""
