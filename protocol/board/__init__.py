"""What stands on a board, dot by dot. A box shows it and the console shows it beforehand: both draw with this.

Pure as the rest of `protocol`: the fonts come in as bytes. It is the one room that knows Pillow.
"""
