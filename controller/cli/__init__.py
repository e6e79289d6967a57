"""The commands of `loalang`. Keys, signatures and roots are made without Django, so that they work on a machine that has no controller."""
