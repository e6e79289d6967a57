"""Does the jobs: speech and sound of bulletins, compilation of schedules."""
