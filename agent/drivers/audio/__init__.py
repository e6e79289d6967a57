"""Speakers: PortAudio for a sound device, a WAV writer for machines without one, and a behaving fake."""
