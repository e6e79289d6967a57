"""The commands of `loalang`. Keys, signatures and roots are made without Django: their machine needs no controller."""
