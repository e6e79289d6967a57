"""What every app of the controller stands on: configuration, errors for people, time as people write it. No models."""
