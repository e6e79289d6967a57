"""Live voice: an officer's microphone, signed by the page that speaks, carried to the boxes without being decoded."""
