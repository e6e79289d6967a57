"""The play log: what really sounded, as the boxes signed it."""
