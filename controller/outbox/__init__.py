"""First a row, then a message: what must reach a box is written here in its transaction, and the bridge sends it."""
