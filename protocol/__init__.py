"""The contract between boxes and the controller: pure, no I/O, no clock. README.md is the wire specification."""
