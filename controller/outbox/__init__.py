"""First a row, then a message: what must reach a box is written here in the caller's transaction, and the bridge sends it."""
